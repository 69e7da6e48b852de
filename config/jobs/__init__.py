"""Actions on every row that matches a list, done in the background, piece by piece, with progress."""

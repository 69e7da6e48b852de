"""Our words to theirs and back. One module a provider; nothing outside this package knows a provider's codes."""

"""Change history: triggers write it (`tracking`), `changes` reads it, `admin` shows it."""

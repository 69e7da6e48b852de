"""Where providers call. Verify, store raw, acknowledge; thinking is a worker's."""

"""What is looked up by key, or walked through in the order of a key: no query is planned for it."""

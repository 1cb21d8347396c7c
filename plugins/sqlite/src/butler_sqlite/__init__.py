"""The registry of a butler repository in an SQLite file."""

"""Frozen descriptions of what a repository holds; no module here reads or writes anything."""

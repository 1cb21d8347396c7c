"""Applying batches: each kind of change in a module of its own, all in one transaction."""

"""Conformance suites of registries: what each must do with batches, datasets, collections and artifacts."""

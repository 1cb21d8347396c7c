"""Shipped for tests: conformance suites to inherit, a small universe, stores that fail."""

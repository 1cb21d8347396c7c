"""Conformance suites of datastores, journal stores and formatters."""

"""Conformance suites of queries: what every registry must answer, held against plain Python."""

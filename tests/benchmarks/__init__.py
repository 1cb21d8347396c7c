"""Benchmarks side by side with ``lsst-daf-butler``; ``make bench`` runs them."""

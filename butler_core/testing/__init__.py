"""Shipped for tests: conformance suites to inherit, a small universe, stores that fail, the protocol as a model."""

import pkgutil

import pytest

# So that a failing assertion of a suite shows its values in whatever package inherits it.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

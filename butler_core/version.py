"""The version of the core, which is also that of the interfaces that plugins build on."""

__version__ = "0.1.0"
"""Plugins say in their requirement on ``butler-core`` which versions they work with."""

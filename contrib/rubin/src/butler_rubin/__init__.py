"""Rubin Observatory's universe of dimensions, regions on the sphere, and a reader of its exports, for butler."""

"""The tables of a registry: those that every repository has, and those of its elements and dimension groups."""

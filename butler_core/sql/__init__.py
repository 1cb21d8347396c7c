"""A toolkit for registries that keep their tables in an SQL database; loaded only by plugins that are made of it."""

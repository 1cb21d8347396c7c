"""A butler registry in a PostgreSQL database."""

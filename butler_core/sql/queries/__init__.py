"""Queries: from a description to its plan, to SQL that is compiled once, to pages of rows."""

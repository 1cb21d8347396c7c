"""A datastore in a directory of a POSIX file system, with its journals."""

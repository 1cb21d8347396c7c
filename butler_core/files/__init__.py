"""Toolkit for datastores whose artifacts are files or objects: everything but the store itself."""

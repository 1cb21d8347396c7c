"""The core's own formatters and storage classes, offered through an entry point as anyone's are."""

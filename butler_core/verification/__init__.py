"""Verification: artifacts, journals and records compared both ways, and what differs mended where that loses nothing."""

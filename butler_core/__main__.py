"""``python -m butler_core`` is the command ``butler``."""

from butler_core.cli.main import main

main()

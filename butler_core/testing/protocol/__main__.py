"""``python -m butler_core.testing.protocol``: explore the protocol, and show what each guard prevents."""

from __future__ import annotations

import argparse

from butler_core.testing.protocol import printing
from butler_core.testing.protocol.guards import NAMES
from butler_core.testing.protocol.leaving_out import LEFT_OUT


def main() -> None:
    """Print steps, scenarios and counterexamples."""
    parser = argparse.ArgumentParser(prog="python -m butler_core.testing.protocol", description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="explore the large scenarios too; a minute or more"
    )
    parser.add_argument(
        "--without", choices=NAMES, metavar="GUARD", help="show only what this guard prevents"
    )
    arguments = parser.parse_args()
    if arguments.without:
        for left_out in LEFT_OUT:
            if left_out.guard == arguments.without:
                print(*printing.show_left_out(left_out, left_out.find()), sep="\n")
        return
    print("THE STEPS\n")
    print(*printing.show_steps(), sep="\n")
    print("THE PROTOCOL\n")
    for line in printing.show_scenarios(large=arguments.large):
        print(line, flush=True)
    print("\nWHAT EACH GUARD PREVENTS\n")
    for line in printing.show_all_left_out():
        print(line, flush=True)


if __name__ == "__main__":
    main()

"""The command line: ``python -m truepremia``."""

import argparse
import sys
from collections.abc import Sequence

from truepremia.errors import TruepremiaError, error_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = argparse.ArgumentParser(prog="truepremia", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("show", help="print what a bundle holds")
    shown.add_argument("bundle", help="a file such as results/bgn_0_fama.pkl")
    chosen = parser.parse_args(arguments)
    try:
        from truepremia.show import show

        sys.stdout.write(show(chosen.bundle))
    except TruepremiaError as error:
        sys.stderr.write(error_line(error) + "\n")
        return 1
    return 0

"""The command line: ``python -m truepremia COMMAND``, what is done with results after a run.

A command is a function from its arguments to the exit status and one entry in ``_parser``.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from truepremia.errors import DataError, TruepremiaError, error_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; errors of ours end in one line."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.command(chosen)
    except TruepremiaError as error:
        print(error_line(error), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m truepremia", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    verify = commands.add_parser("verify", help="check every result against its manifest")
    verify.add_argument("results", type=Path, help="folder of the results")
    verify.set_defaults(command=_verify)

    reproduce = commands.add_parser("reproduce", help="make a panel again from its manifest")
    reproduce.add_argument("manifest", type=Path, help="for example results/bgn_0_manifest.json")
    reproduce.add_argument("--into", type=Path, help="new folder to build in; it is kept")
    reproduce.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    reproduce.set_defaults(command=_reproduce)

    show = commands.add_parser("show", help="print what a bundle holds")
    show.add_argument("bundle", type=Path, help="for example results/bgn_0_fama.pkl")
    show.set_defaults(command=_show)
    return parser


def _verify(arguments: argparse.Namespace) -> None:
    from truepremia.files.manifest import verify

    checked = verify(arguments.results)
    for panel_id, faults in checked.items():
        _say(*(f"{panel_id}: {phrase}" for phrase in faults or ["as its manifest says"]))
    wrong = [panel_id for panel_id, faults in checked.items() if faults]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(checked)} panels differ from their manifests, "
            f"{wrong[0]} first; delete what differs and run snakemake again"
        )


def _reproduce(arguments: argparse.Namespace) -> None:
    from truepremia.files.manifest import other_circumstances, read_manifest, reproduce

    manifest = read_manifest(arguments.manifest)
    panel_id = manifest["panel_id"]
    folder = arguments.into or Path(f"reproduced_{panel_id}")
    phrases = reproduce(arguments.manifest, folder, arguments.cores)
    _say(*(f"{panel_id}: {phrase}" for phrase in phrases))
    if phrases:
        reasons = other_circumstances(manifest) or ["equal source and versions: another processor?"]
        raise DataError(
            f"{len(phrases)} of {len(manifest['files'])} files of {panel_id} differ from the "
            f"manifest; {'; '.join(reasons)}; both stand in {folder}"
        )
    _say(f"{panel_id}: all {len(manifest['files'])} files are the same, in {folder}")


def _show(arguments: argparse.Namespace) -> None:
    from truepremia.commands.show import show

    _say(show(arguments.bundle).rstrip())


def _say(*lines: str) -> None:
    for line in lines:
        print(line)  # noqa: T201

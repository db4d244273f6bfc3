"""The command line, ``truepremia COMMAND`` or ``python -m truepremia COMMAND``.

A command is a function of its arguments and one entry in ``_parser``; what it returns, if anything,
is the exit status.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from truepremia.commands.surroundings import put_this_process_right
from truepremia.errors import ConfigError, DataError, TruepremiaError, error_line
from truepremia.outside import circumstance
from truepremia.parallel import ONE_THREAD
from truepremia.workflow.signals import open_closed_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; errors of ours end in one line."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal's alphabet lacks
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    chosen = _parser().parse_args(given[:split])
    chosen.more = given[split + 1 :]
    os.environ.update(ONE_THREAD)
    put_this_process_right()
    try:
        _require_folder()
        if chosen.more and chosen.command is not _run:
            raise ConfigError(
                f"{chosen.more[0]!r} stands after --: this command takes nothing there"
            )
        status = chosen.command(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as head has had enough; what is left has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        print(f"truepremia: {str(stop) or 'interrupted'}", file=sys.stderr)  # noqa: T201
        return 130
    except TruepremiaError as error:
        print(error_line(error), file=sys.stderr)  # noqa: T201
        return 1
    except (OSError, MemoryError) as error:
        place = getattr(error, "filename", None)
        said = DataError(f"{f'{place}: ' if place else ''}{circumstance(error) or error}")
        print(error_line(said), file=sys.stderr)  # noqa: T201
        return 1
    return status or 0


def _require_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise DataError(
            "the folder that you stand in was removed; change to another and run the same command"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truepremia",
        description="Simulate economies whose risk premia are known, and judge factor models.",
        epilog="`truepremia COMMAND --help` says more. Start with: truepremia run bgn_0",
    )
    parser.add_argument("--version", action="version", version=f"truepremia {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _workflow_parsers(commands)

    verify = commands.add_parser("verify", help="check every result against its manifest")
    verify.add_argument(
        "results", nargs="?", type=Path, default=Path("results"), help="folder of the results"
    )
    verify.set_defaults(command=_verify)

    reproduce = commands.add_parser("reproduce", help="make a panel again from its manifest")
    reproduce.add_argument(
        "manifest", type=Path, help="for example results/bgn_0_manifest.json, or its bundle"
    )
    reproduce.add_argument("--into", type=Path, help="new folder to build in; it is kept")
    reproduce.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    reproduce.add_argument(
        "--package", type=Path, help="code of an economy of your own; it is run, so trust it"
    )
    reproduce.set_defaults(command=_reproduce)

    check = commands.add_parser("check-method", help="prove that a method sees no future")
    check.add_argument("place", metavar="FILE:CLASS", help="for example my_method.py:Mine")
    _with_options(check)
    check.set_defaults(command=_check_method)

    judge = commands.add_parser("judge", help="judge a method on several panels of every economy")
    judge.add_argument("place", metavar="FILE:CLASS", help="for example my_method.py:Mine")
    judge.add_argument("--panels", type=int, default=1, help="panels of each economy")
    judge.add_argument("--economies", nargs="+", help="economies to judge on, all if not said")
    judge.add_argument("--firms", type=int, help="firms of a panel, for a first quick look")
    judge.add_argument("--months", type=int, help="months of a panel; half of them are the window")
    judge.add_argument("--all-methods", action="store_true", help="beside all configured methods")
    judge.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    judge.add_argument("--overlay", type=Path, help="where the configuration is written")
    _with_options(judge)
    judge.set_defaults(command=_judge)

    new = commands.add_parser("new-economy", help="write an economy of your own to start from")
    new.add_argument("name", help="lower-case letters and digits, for example ccapm")
    new.add_argument("--into", type=Path, default=Path("my_economies"), help="folder to write in")
    new.set_defaults(command=_new_economy)

    test = commands.add_parser("test-economy", help="test an economy of your own, and its workflow")
    test.add_argument("name", help="for example ccapm")
    test.add_argument("--into", type=Path, default=Path("my_economies"), help="folder it is in")
    test.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    test.set_defaults(command=_test_economy)

    show = commands.add_parser("show", help="print what a bundle holds")
    show.add_argument("bundle", type=Path, help="for example results/bgn_0_fama.pkl")
    show.set_defaults(command=_show)
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("truepremia")


def _workflow_parsers(commands: Any) -> None:
    """Add the commands that run the workflow, and those that prepare a run."""
    run = commands.add_parser("run", help="build panels: simulate firms, form factors, judge them")
    run.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="panels such as bgn_0, files, or rules such as report; all",
    )
    report = commands.add_parser("report", help="build panels, their tables and figures, one page")
    board = commands.add_parser("leaderboard", help="rank all configured methods on all panels")
    for parser, targets in ((run, None), (report, ["report"]), (board, ["leaderboard"])):
        parser.add_argument("--cores", default="all", help="processor cores to use (all)")
        parser.add_argument(
            "--configfile", nargs="+", type=Path, default=[], help="YAML files with your settings"
        )
        parser.add_argument(
            "--config", nargs="+", default=[], metavar="KEY=VALUE", help="for example firms=200"
        )
        parser.add_argument("-n", "--dry-run", action="store_true", help="only list what would run")
        parser.epilog = "What stands after -- goes to Snakemake as it is."
        parser.set_defaults(command=_run, fixed=targets)

    doctor = commands.add_parser("doctor", help="check this computer, and a store's file")
    doctor.add_argument("--store", type=Path, help="a Tidy Finance database or Parquet folder")
    doctor.set_defaults(command=_doctor)

    init = commands.add_parser("init", help="write a commented settings file in this folder")
    init.add_argument("file", nargs="?", type=Path, default=Path("config.yaml"))
    init.set_defaults(command=_init)


def _run(arguments: argparse.Namespace) -> int:
    from truepremia.commands.run import Order, run

    # One method that fails must not keep the others from being judged.
    more = ["--keep-going"] if arguments.fixed == ["leaderboard"] else []
    order = Order(
        arguments.fixed or arguments.targets,
        arguments.cores,
        arguments.configfile,
        arguments.config,
        arguments.dry_run,
        [*arguments.more, *more],
    )
    return run(order.joined())


def _doctor(arguments: argparse.Namespace) -> None:
    from truepremia.commands.doctor import examine

    faults = 0
    for finding in examine(arguments.store):
        _say(str(finding))
        faults += finding.fault
    if faults:
        raise DataError(f"{faults} of these findings must be mended before a run can work")


def _init(arguments: argparse.Namespace) -> None:
    from truepremia.commands.init import write_overlay

    _say(*write_overlay(arguments.file))


def _new_economy(arguments: argparse.Namespace) -> None:
    from truepremia.commands.new_economy import new_economy

    print("\n".join(new_economy(arguments.name, arguments.into)))  # noqa: T201


def _test_economy(arguments: argparse.Namespace) -> None:
    from truepremia.commands.test_economy import test_economy

    name, folder = arguments.name, arguments.into
    test_economy(name, folder / name, folder / f"{name}.yaml", arguments.cores)
    print(f"{name}: every test and the workflow passed")  # noqa: T201


def _with_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--options", default="{}", help="arguments of the class as JSON, for example '{\"k\": 2}'"
    )


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    try:
        options = json.loads(arguments.options)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--options is not JSON: {error}; write for example '{{}}'") from None
    if not isinstance(options, dict):
        raise ConfigError("--options must be a mapping, for example '{\"k\": 2}'")
    return options


def _check_method(arguments: argparse.Namespace) -> None:
    from truepremia.commands.check_method import check, split

    file, name = split(arguments.place)
    for line in check(file, name, _options(arguments)):
        _say(line)
    _say(f"{name}: every proof holds")


def _judge(arguments: argparse.Namespace) -> int:
    from truepremia.commands.check_method import split
    from truepremia.commands.judge import at_size, judge, label, overlay, ranking
    from truepremia.economies.registry import ECONOMIES

    if arguments.panels < 1 or arguments.cores < 1:
        raise ConfigError("--panels and --cores must be at least 1")
    file, name = split(arguments.place)
    economies = arguments.economies or list(ECONOMIES)
    content = overlay(
        file, name, _options(arguments), arguments.panels, economies, arguments.all_methods
    )
    content = at_size(content, arguments.firms, arguments.months)
    written = arguments.overlay or Path(f"judge_{label(name)}.yaml")
    if judge(written, content, arguments.cores):
        return 1
    _say(
        f"configuration: {written}",
        *ranking(Path(content.get("results_dir", "results")), label(name)),
    )
    return 0


def _verify(arguments: argparse.Namespace) -> None:
    from truepremia.commands.verify import verify

    checked, strays = verify(arguments.results)
    for part, faults in checked.items():
        right = "as its jobs made it" if "/" in part or "_" not in part else "as its manifest says"
        _say(*(f"{part}: {phrase}" for phrase in faults or [right]))
    _say(*(f"stray: {phrase}" for phrase in strays))
    wrong = [part for part, faults in checked.items() if faults]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(checked)} parts differ from what was made, "
            f"{wrong[0]} first; delete what differs and run snakemake again"
        )


def _reproduce(arguments: argparse.Namespace) -> None:
    from truepremia.commands.reproduce import A_MANIFEST, manifest_of, reproduce
    from truepremia.files.manifest import other_circumstances, read_manifest

    path = manifest_of(arguments.manifest)
    manifest = read_manifest(path, A_MANIFEST)
    panel_id = manifest["panel_id"]
    folder = arguments.into or Path(f"reproduced_{panel_id}")
    phrases, alike = reproduce(path, folder, arguments.cores, arguments.package)
    _say(*(f"{panel_id}: {phrase}" for phrase in (*phrases.values(), *alike.values())))
    if phrases:
        reasons = other_circumstances(manifest) or ["equal source, versions and processor"]
        raise DataError(
            f"{len(phrases)} of {len(manifest['files'])} files of {panel_id} differ from the "
            f"manifest; {'; '.join(reasons)}; both stand in {folder}"
        )
    if alike:
        _say(f"{panel_id}: equal up to rounding; {'; '.join(other_circumstances(manifest))}")
        return
    _say(f"{panel_id}: all {len(manifest['files'])} files are the same, in {folder}")


def _show(arguments: argparse.Namespace) -> None:
    from truepremia.commands.show import show

    _say(show(arguments.bundle).rstrip())


def _say(*lines: str) -> None:
    for line in lines:
        print(line)  # noqa: T201

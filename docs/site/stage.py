"""Lay out the pages of the site: those of docs/, and a reference written from the code itself.

``python docs/site/stage.py FOLDER`` fills a folder that Sphinx builds from. Nothing in it is
edited: pages are those of the repository, and keys, columns, files and commands come from the
schema, the tables of columns, the lists of files and the parser.
"""

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import truepremia as tp
from truepremia import columns
from truepremia.commands.cli import _parser
from truepremia.economies.registry import ECONOMIES, SHIPPED
from truepremia.files.bundle import KEYS
from truepremia.files.results import (
    BOARD_FILES,
    COMPARED_FILES,
    OPENS_WITH,
    method_files,
    panel_files,
    store_files,
)

ROOT = Path(__file__).resolve().parents[2]

BESIDE = {
    "config/README.md": "configuration.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages that stand elsewhere in the repository, and their place on the site."""

LINK = re.compile(r"\]\(([^)\s]+)\)")


def main(folder: Path) -> None:
    """Fill the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for page in [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in BESIDE)]:
        target = folder / place(page)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(relinked(page), encoding="utf-8")
    shutil.copytree(ROOT / "docs" / "figures", folder / "figures")
    for file in (ROOT / "docs" / "site").iterdir():
        if file.suffix in (".rst", ".css") or file.name == "conf.py":
            shutil.copy2(file, folder)
    for name, lines in reference().items():
        target = folder / "reference" / f"{name}.rst"
        target.parent.mkdir(exist_ok=True)
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def place(page: Path) -> str:
    """Return where a page of the repository stands on the site."""
    name = page.relative_to(ROOT).as_posix()
    return BESIDE.get(name) or name.removeprefix("docs/")


def relinked(page: Path) -> str:
    """Return a page whose links lead to pages of the site; what is no page becomes plain text."""

    def moved(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        if not target or target.startswith("http"):
            return match[0]
        file = (page.parent / target).resolve()
        inside = file.suffix == ".md" and file.exists() and place(file) != "README.md"
        on_site = inside and (ROOT / "docs" in file.parents or place(file) in BESIDE.values())
        if on_site:
            start = (Path("/") / place(page)).parent
            there = os.path.relpath(Path("/") / place(file), start)
            return f"]({there}{'#' + anchor if anchor else ''})"
        if file.is_dir() and file == ROOT / "docs" / "decisions":
            return (
                "](" + os.path.relpath("/explanation.rst", (Path("/") / place(page)).parent) + ")"
            )
        if file.suffix in (".png", ".svg") and file.exists():
            return match[0]
        return "](#plain)"

    text = re.sub(LINK, moved, page.read_text(encoding="utf-8"))
    return re.sub(r"\[([^\]]+)\]\(#plain\)", r"\1", text)


def reference() -> dict[str, list[str]]:
    """Return the pages of the reference that are written from the code, as lines."""
    return {
        "keys": list(keys()),
        "parameters": list(parameters()),
        "columns": list(tables()),
        "files": list(files()),
        "commands": list(commands()),
        "api": list(api()),
    }


def keys() -> Iterator[str]:
    """Yield the page of all keys of the configuration, from its schema and defaults."""
    schema = yaml.safe_load((ROOT / "config/schemas/config.schema.yaml").read_text())
    defaults = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    yield from title("Keys of the configuration")
    yield "Written from ``config/schemas/config.schema.yaml`` and the defaults of"
    yield "``config/config.yaml``. A dot goes into a mapping, and ``*`` stands for each name in it."
    yield ":doc:`/configuration` says what each key means and what it reruns."
    yield ""
    rows = [
        (f"``{name}``", plain(rule["description"]), shown(default))
        for name, rule, default in described_keys(schema, schema, defaults)
    ]
    yield from table(("key", "must be", "default"), rows)


def described_keys(
    schema: Mapping[str, Any], rule: Mapping[str, Any], defaults: Any, above: str = ""
) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """Yield name, rule and default of every key below a rule, those of mappings with their dots.

    Parameters
    ----------
    schema : mapping
        The whole schema, where references start.
    rule : mapping
        Rule of a mapping.
    defaults : object
        Its default, None where it has none.
    above : str
        Its name with a dot, empty for the whole configuration.
    """
    below = dict(rule.get("properties", {}))
    for_each = rule.get("additionalProperties")
    if isinstance(for_each, dict):
        below["*"] = for_each
    for name, given in below.items():
        found = given
        for part in given.get("$ref", "#").split("/")[1:]:
            found = (schema if found is given else found)[part]
        default = defaults.get(name) if isinstance(defaults, dict) else None
        yield f"{above}{name}", found, default
        if "$ref" not in given:
            yield from described_keys(schema, found, default, f"{above}{name}.")


def plain(text: str) -> str:
    """Return a text that is not read as markup; a table takes care of bars."""
    return re.sub(r"([*`\\_])", r"\\\1", text)


def shown(default: Any) -> str:
    """Return a default as YAML has it; long ones stand in the file."""
    if default is None:
        return ""
    written = yaml.safe_dump(default, default_flow_style=True, width=1000, sort_keys=False)
    written = written.removesuffix("\n").removesuffix("\n...")
    return f"``{written}``" if len(written) < 60 else "see ``config/config.yaml``"


def parameters() -> Iterator[str]:
    """Yield the page of the parameters of all economies, from their classes."""
    yield from title("Parameters of the economies")
    yield "Written from the declarations in ``truepremia.economies``, with the values of"
    yield "``config/economies``. Every number but 0 has a size between 1e-12 and 1e6 besides; rules"
    yield "that join several parameters are said by the line that refuses a calibration."
    yield ""
    head = ("symbol", "parameter", "shipped", "unit", "must", "meaning")
    for name, economy in SHIPPED.items():
        yield from title(name, "-")
        values = yaml.safe_load((ROOT / f"config/economies/{name}.yaml").read_text())
        rows = [
            (
                *(plain(said["symbol"]), f"``{key}``", f"``{values[key]['value']}``"),
                *(plain(said[what]) for what in ("unit", "must", "meaning")),
            )
            for key, said in economy.module("parameters").Params.described()
        ]
        yield from table(head, rows)


def tables() -> Iterator[str]:
    """Yield the page of all columns of all tables."""
    yield from title("Columns of the tables")
    yield "Written from the descriptions that stand in the Parquet files themselves."
    yield ""
    shared = {
        "Statistics of the bundle": columns.STATISTICS_COLUMNS,
        "Statistics of judged methods": columns.VERDICT_COLUMNS,
        "Statistics where no truth is known": columns.REALISED_COLUMNS,
        "Moments": columns.MOMENT_COLUMNS,
        "SDF": columns.SDF_COLUMNS,
    }
    for name, described in shared.items():
        yield from described_table(name, described)
    for name, economy in ECONOMIES.items():
        for kind in ("panel", "aggregates", "states"):
            yield from described_table(f"{name}: {kind}", economy.columns(kind))


def described_table(name: str, described: Mapping[str, columns.Column]) -> Iterator[str]:
    """Yield a section with the columns of a table."""
    yield from title(name, "-")
    rows = [(f"``{c}``", d.unit, d.meaning) for c, d in described.items()]
    yield from table(("column", "unit", "meaning"), rows)


def files() -> Iterator[str]:
    """Yield the page of all files of a folder of results."""
    yield from title("Files of the results")
    yield "Written from ``truepremia.files.results``; paths start at ``results_dir``."
    yield ""
    yield from title("The bundle", "-")
    yield "``{panel}_fama.pkl`` is a dictionary of the keys " + ", ".join(f"``{k}``" for k in KEYS)
    yield "in this order, a pickle of protocol 4 that opens with pandas and numpy alone:"
    yield " and ".join(f"{name} {oldest} or newer" for name, oldest in OPENS_WITH.items()) + "."
    yield ""
    for name in ECONOMIES:
        yield from title(f"A panel of {name}", "-")
        rows = [(what, f"``{file}``") for what, file in panel_files(f"{name}_0").items()]
        yield from table(("what", "file"), rows)
    yield from title("The leaderboard", "-")
    rows = [(what, f"``leaderboard/{file}``") for what, file in BOARD_FILES.items()]
    yield from table(("what", "file"), rows)
    yield from title("A judged method", "-")
    tracks = (("panels", "bgn_0"), ("real", "us"))
    rows = [
        (f"{what}, {track}", f"``{file}``")
        for track, panel in tracks
        for what, file in method_files(panel, "mine", track).items()
    ]
    yield from table(("what", "file"), rows)
    yield from title("A replicated store", "-")
    given = store_files("demo", COMPARED_FILES)
    always = {*store_files("demo")}
    notes = ("", "where the file of Kenneth French's is given")
    rows = [(f"``{file}``", notes[file not in always]) for file in given]
    yield from table(("file", "made"), rows)
    yield "``tidy/demo/demo.sqlite`` is a store that was exported from a panel,"
    yield "``tidy/demo/panel.parquet`` a store as a panel of real stocks."
    yield "The page on the report lists the files of the report."
    yield ""


def commands() -> Iterator[str]:
    """Yield the page of all commands, from the parser."""
    yield from title("Commands")
    yield "Written from the parser; ``python -m truepremia`` takes the same commands."
    yield ""
    parser = _parser()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from title(name, "-")
                yield "::"
                yield ""
                yield from ("    " + line for line in command.format_help().splitlines())
                yield ""


def api() -> Iterator[str]:
    """Yield the page of everything in ``import truepremia as tp``."""
    yield from title("Python")
    yield "Everything that ``import truepremia as tp`` offers, from the docstrings."
    yield ""
    for name in sorted(tp._HOME, key=str.lower):
        thing, home = getattr(tp, name), tp._HOME[name]
        if name == "plots":
            continue
        kind = "autoclass" if isinstance(thing, type) else "autofunction"
        yield from title(name, "-")
        yield f".. {kind}:: {home}.{name}"
        yield from (("   :members:", "") if kind == "autoclass" else ("",))
    yield from title("plots", "-")
    yield ".. automodule:: truepremia.workflow.plots"
    yield "   :members:"


def title(text: str, line: str = "=") -> Iterator[str]:
    """Yield a heading."""
    yield text
    yield line * len(text)
    yield ""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table."""
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield ""
    for row in (head, *rows):
        for number, cell in enumerate(row):
            bullet, bar = ("* -" if number == 0 else "  -"), "\\|"
            yield f"   {bullet} {cell.replace('|', bar)}".rstrip()
    yield ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))

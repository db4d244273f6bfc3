"""Judge one file on several panels of every economy, without writing any YAML."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from truepremia.commands.run import Order, run
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError
from truepremia.methods.entry import NOTHING
from truepremia.outside import exists, read_text
from truepremia.workflow.config import load_overlay
from truepremia.workflow.documents import read_yaml
from truepremia.workflow.place import ROOT

OURS = "# Written by truepremia judge, and written again by the next one.\n"
COMPANIONS = ("capm", "ff", "fm")
"""Methods that are judged beside the user's own."""


def overlay(
    file: Path,
    name: str,
    options: Mapping[str, Any],
    panels: int,
    economies: Sequence[str],
    others: bool,
) -> dict[str, Any]:
    """Return the configuration that judges one method.

    Parameters
    ----------
    file : path
    name : str
        Class of the file.
    options : mapping
        Arguments of the class.
    panels : int
        Panels of each economy.
    economies : sequence of str
        Economies to judge on; all others are left out.
    others : bool
        Whether all configured methods are judged too, or only a few simple ones.
    """
    unknown = [e for e in economies if e not in ECONOMIES]
    if unknown:
        raise ConfigError(f"unknown economy {unknown[0]!r}; known: {', '.join(ECONOMIES)}")
    off = {m: False for m in shipped_methods() if not others and m not in COMPANIONS}
    entry = {"file": str(file), "class": name, "options": dict(options)}
    return {
        "panels": {e: panels if e in economies else 0 for e in ECONOMIES},
        "methods": {**off, label(name): entry},
        "leaderboard": {"reference": "fm"},
    }


def at_size(content: dict[str, Any], firms: int | None, months: int | None) -> dict[str, Any]:
    """Return the configuration at another size, in a folder of results of its own.

    Parameters
    ----------
    content : mapping
    firms, months : int or None
        None keeps the default; the window is half of the months, at most 360.
    """
    if firms is None and months is None:
        return content
    size = {
        "firms": 1000 if firms is None else firms,
        "months": 720 if months is None else months,
    }
    size["window"] = max(2, min(360, size["months"] // 2))
    folder = f"results-{size['firms']}x{size['months']}"
    return {**content, **size, "results_dir": folder}


def label(name: str) -> str:
    """Return the name in tables of a class: MyMethod becomes my_method, FM own_fm."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower().strip("_")
    words = re.sub("[^a-z0-9_]", "", words)
    taken = words in shipped_methods() or words == NOTHING
    return (words if words[:1].isalpha() and not taken else f"own_{words}")[:40]


def shipped_methods() -> Mapping[str, Any]:
    """Return the methods of the shipped configuration."""
    shipped: Mapping[str, Any] = read_yaml(ROOT / "config" / "config.yaml")["methods"]
    return shipped


def judge(overlay_file: Path, content: Mapping[str, Any], cores: int) -> int:
    """Write the overlay, run the workflow with it in the present folder and return its status.

    Raises
    ------
    ConfigError
        If the configuration breaks a rule.
    DataError
        If the run fails and nothing on the terminal says so in a line of ours.
    """
    load_overlay(content, ROOT)
    if exists(overlay_file) and not read_text(overlay_file).startswith(OURS):
        raise ConfigError(f"{overlay_file} is not of this command; name another --overlay")
    overlay_file.parent.mkdir(parents=True, exist_ok=True)
    text = OURS + yaml.safe_dump(dict(content), sort_keys=False)
    overlay_file.write_text(text, encoding="utf-8")
    return run(Order(["leaderboard"], str(cores), [overlay_file], more=["--keep-going"]))


def ranking(results: Path, name: str) -> list[str]:
    """Return the lines of the ranking that are about one method, and where all of it is."""
    import csv

    table = results / "leaderboard" / "headline.csv"
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    own = [row for row in rows if row["method"] == name]
    lines = [
        f"{row['economy']}: share {float(row['share']):.3f} of the attainable Sharpe ratio "
        f"{float(row['attainable']):.3f}, HJ distance {float(row['HJ distance']):.3f} (of holding "
        f"nothing {float(row['HJ of nothing']):.3f}), luck {float(row['luck']):.1f}"
        + (f"; {row['note']}" if row["note"] else "")
        for row in own
    ]
    return [*lines, f"all methods: {table.parent / 'leaderboard.html'}"]

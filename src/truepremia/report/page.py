"""The report as one HTML page that opens without a network."""

import base64
import csv
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from truepremia import __version__
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import DataError
from truepremia.files.formats import read_json, reading
from truepremia.files.results import PUBLISHED
from truepremia.report.contents import (
    BOARD_FIGURES,
    BOARD_TABLES,
    FIGURES,
    PAGE_PARTS,
    TABLES,
    WITHOUT_TRUTH,
    caption,
)
from truepremia.report.gather import Panels
from truepremia.report.overview import Overview, csv_rows
from truepremia.report.store_words import FIGURE_CAPTIONS, HEADINGS, TABLE_CAPTIONS
from truepremia.report.writing import counted, number, portfolio
from truepremia.tidy.settings import warnings_of

STORE_TABLES: Mapping[str, str] = {
    "evaluation": "Replication against the published factors",
    "pricing": "Asset-pricing tests",
    "op_evaluation": "Portfolios on profitability against Kenneth French's",
    "asset_pricing": "Asset-pricing tests on Kenneth French's portfolios",
}
"""Tables of a store of the empirical track, by file name."""

REALISED_COLUMNS: Mapping[str, str] = {
    "panel": "panel",
    "method": "method",
    "portfolio": "portfolio",
    "months": "months",
    "sharpe": "Sharpe",
    "sharpe_se": "Sharpe s.e.",
    "mean": "mean",
    "mean_se": "mean s.e.",
    "stdev": "volatility",
    "turnover": "turnover",
    "drawdown": "drawdown",
}
"""What the page shows of ``realised.csv``, and its headings."""

NO_TRUTH = (
    "No simulated panel was judged, and the truth of real stocks is not known: there is no share "
    "of an attainable Sharpe ratio, no distance and no luck, only what methods earned."
)

LONGEST = 24
"""Rows from which a table is folded."""

WIDE = 60
"""Characters from which a cell's text may be wrapped."""


@dataclass(frozen=True)
class Figure:
    """A figure on the page."""

    title: str
    caption: str
    alt: str
    subject: str
    data: str
    width: int
    height: int


@dataclass(frozen=True)
class PageTable:
    """A table on the page; ``html`` is trusted markup."""

    name: str
    title: str
    caption: str
    html: Markup

    @property
    def rows(self) -> int:
        """Rows of the table's body."""
        return self.html.count("<tr") - 1


@dataclass(frozen=True)
class EconomyPart:
    """What the page shows of an economy."""

    name: str
    title: str
    sample: str
    figures: Sequence[Figure]
    tables: Sequence[PageTable]
    configuration: Markup


@dataclass(frozen=True)
class StorePart:
    """What the page shows of a store of the empirical track."""

    name: str
    title: str
    warnings: Sequence[str]
    figures: Sequence[Figure]
    tables: Sequence[PageTable]


@dataclass(frozen=True)
class BoardPart:
    """What the page shows of the leaderboard; the note is said before it, where there is one.

    The samples are a line for each panel of real stocks.
    """

    samples: Sequence[str]
    figures: Sequence[Figure]
    tables: Sequence[PageTable]
    note: str


def report_page(
    economies: Sequence[EconomyPart],
    stores: Sequence[StorePart],
    missing: Sequence[str],
    board: BoardPart | None = None,
    summary: Overview | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    economies : sequence of EconomyPart
    stores : sequence of StorePart
    missing : sequence of str
        What the report does not cover, and why, one line each.
    board : BoardPart, optional
        The leaderboard, if there is one.
    summary : Overview, optional
        What the page begins with.
    """
    template, css, script = (part.read_text(encoding="utf-8") for part in PAGE_PARTS)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(template).render(
        economies=economies,
        stores=stores,
        missing=missing,
        board=board,
        summary=summary or Overview([], Markup()),
        longest=LONGEST,
        version=__version__,
        css=Markup(css),
        script=Markup(script),
    )


def economy_part(panels: Panels, tables: Path, figures: Path) -> EconomyPart:
    """Return the part of an economy.

    Parameters
    ----------
    panels : Panels
    tables, figures : path
        Folders of the tables' HTML and of the figures' PNG.
    """
    model = panels.economy
    return EconomyPart(
        name=model.name,
        title=model.title,
        sample=panels.sample,
        figures=[
            picture(
                figures / f"{model.name}_{name}.png", title, caption("figure", name), model.title
            )
            for name, title in FIGURES.items()
        ],
        tables=[
            PageTable(
                name,
                title,
                caption("table", name),
                Markup((tables / f"{model.name}_{name}.html").read_text(encoding="utf-8")),
            )
            for name, title in TABLES.items()
        ],
        configuration=_table(
            ["setting", "value"],
            [[key, _setting(value)] for key, value in sorted(panels.config.items())],
            f"Configuration, {model.title}",
        ),
    )


def store_parts(files: Iterable[str | Path]) -> list[StorePart]:
    """Return the parts of the stores whose tables and figures are given."""
    folders = {p.parents[p.suffix == ".png"]: None for p in map(Path, files)}
    return [_store_part(folder.name, folder) for folder in folders]


def evaluations(files: Iterable[str | Path]) -> dict[str, Path]:
    """Return the table of the evaluation of every store, by the store's title."""
    tables = [path for path in map(Path, files) if path.name == "evaluation.csv"]
    return {_store_title(path.parent): path for path in tables}


def _store_title(folder: Path) -> str:
    if folder.name == PUBLISHED:
        return "Published data (Kenneth French)"
    return f"Store {folder.name}{', simulated' if (folder / 'demo.sqlite').exists() else ''}"


def _store_part(name: str, folder: Path) -> StorePart:
    """Return the part of a store: the figures and tables that its folder has."""
    titles = {path: path.stem.replace("_", " ") for path in sorted(folder.glob("figures/*.png"))}
    title = _store_title(folder)
    return StorePart(
        name=name,
        title=title,
        warnings=warnings_of(folder, read_json),
        figures=[
            picture(path, what.capitalize(), FIGURE_CAPTIONS.get(path.stem, ""), title)
            for path, what in titles.items()
        ],
        tables=[
            PageTable(
                file,
                what,
                TABLE_CAPTIONS[file],
                csv_table(folder / f"{file}.csv", f"{what}, {title}", HEADINGS),
            )
            for file, what in STORE_TABLES.items()
            if (folder / f"{file}.csv").exists()
        ],
    )


def board_part(files: Iterable[str | Path]) -> BoardPart | None:
    """Return the leaderboard from its tables and figures, None where there is none.

    Whatever is held against the truth is left out where no panel was simulated, what methods
    earned where none is real, and a table without a row everywhere.
    """
    paths = {path.name: path for path in map(Path, files)}
    if not paths:
        return None
    simulated = bool(csv_rows(paths["leaderboard.csv"]))
    earned = [row for row in csv_rows(paths["realised.csv"]) if row["headline"] == "True"]

    def known(name: str) -> bool:
        return bool(earned) if name == WITHOUT_TRUTH else simulated

    def table(name: str, title: str) -> Markup:
        if name != WITHOUT_TRUTH:
            return csv_table(paths[f"{name}.csv"], title)
        named = [{**row, "portfolio": portfolio(row["variant"], row["choice"])} for row in earned]
        rows = [[row[column] for column in REALISED_COLUMNS] for row in named]
        return _table([*REALISED_COLUMNS.values()], rows, title)

    figures = [
        picture(paths[f"{name}.png"], title, caption("figure", f"board_{name}"), "leaderboard")
        for name, title in BOARD_FIGURES.items()
        if known(name)
    ]
    tables = [
        PageTable(f"board-{n}", title, caption("table", f"board_{n}"), table(n, title))
        for n, title in BOARD_TABLES.items()
        if known(n)
    ]
    note = "" if simulated else NO_TRUTH
    return BoardPart(_real_samples(earned), figures, [t for t in tables if t.rows], note)


def _real_samples(earned: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a line for every panel of real stocks: its methods, and the months they have most."""
    lines = []
    for panel in dict.fromkeys(row["panel"] for row in earned):
        months = [int(row["months"]) for row in earned if row["panel"] == panel]
        methods = counted(len(months), "method")
        lines.append(f"Real stocks, panel {panel}: {methods} judged in {max(months)} months.")
    return lines


def uncovered(
    covered: Iterable[str],
    switched_off: Iterable[str],
    left_out: Mapping[str, str],
    stores: Iterable[str],
) -> list[str]:
    """Return what a report does not cover, one line each.

    Parameters
    ----------
    covered : iterable of str
        Economies in the report.
    switched_off : iterable of str
        Economies that are not wanted: nobody misses them.
    left_out : mapping of str to str
        Finished panels that are not in it, with the reason.
    stores : iterable of str
        Stores of the empirical track in the report.
    """
    shown = list(covered)
    known = {*shown, *switched_off}
    lines = [
        f"{economy.title} ({name}): no panel is configured; add it under panels"
        for name, economy in ECONOMIES.items()
        if name not in known
    ]
    for name in shown:
        absent = [m for m in ("taylor", "proj") if m not in ECONOMIES[name].loadings]
        lines += [f"{ECONOMIES[name].title}: it has no {method} loadings" for method in absent]
    lines += [f"Panel {panel} is left out: {why}" for panel, why in left_out.items()]
    return lines if list(stores) else [*lines, "Empirical track: no store is finished"]


def picture(path: Path, title: str, text: str, subject: str) -> Figure:
    """Return a PNG file as a figure."""
    with reading(path):
        raw = path.read_bytes()
        if raw[:8] != b"\x89PNG\r\n\x1a\n":
            raise DataError(f"{path} is not a PNG image; delete it and run the same command again")
        width, height = struct.unpack(">II", raw[16:24])
    alt = f"{title}, {subject}. {text}".strip()
    return Figure(title, text, alt, subject, base64.b64encode(raw).decode(), width, height)


def csv_table(path: Path, title: str, headings: Mapping[str, str] | None = None) -> Markup:
    """Return a CSV file as an HTML table.

    Parameters
    ----------
    path : path
    title : str
    headings : mapping of str to str, optional
        Words for the names of columns; others stay as they are.
    """
    with reading(path), path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    words = headings or {}
    return _table([words.get(name, name.replace("_", " ")) for name in head], rows, title)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> Markup:
    numeric = [all(_is_number(row[k]) for row in rows) for k in range(len(head))]
    cells = "".join(
        f'<th scope="col"{_class(numeric[k], name)}>{escape(name)}</th>'
        for k, name in enumerate(head)
    )
    body = "\n".join(
        f"<tr>{''.join(_cell(value, numeric[k]) for k, value in enumerate(row))}</tr>"
        for row in rows
    )
    return Markup(
        f"<table><caption>{escape(title)}</caption>\n<thead><tr>{cells}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _cell(value: str, numeric: bool) -> str:
    if not numeric:
        return f"<td{_class(False, value)}>{escape(value)}</td>"
    shown = number(float(value)) if value and not _is_whole(value) else value
    data = f' data-value="{escape(value)}"' if value else ' data-value="NaN"'
    return f'<td class="number"{data}>{shown}</td>'


def _class(numeric: bool, text: str) -> str:
    if numeric:
        return ' class="number"'
    return ' class="wide"' if len(text) > WIDE else ""


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _setting(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

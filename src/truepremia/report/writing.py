"""Tables as CSV, LaTeX and HTML."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from truepremia.files.formats import replacing
from truepremia.report.tables import ERROR, Measure, ReportTable

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"

_LATEX = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "²": "$^2$",
    "√": "$\\sqrt{}$",
    MINUS: "$-$",
    NOTHING: "--",
    "×": "$\\times$",
}


def counted(count: int, what: str) -> str:
    """Return a number of things, as in "1 method" and "2 methods"."""
    return f"{count} {what}{'s' * (count != 1)}"


def portfolio(variant: str, choice: str) -> str:
    """Return how tables name a portfolio of a method: its variant and choice, if it has them."""
    return ", ".join(part for part in (variant, choice) if part)


def to_csv(table: ReportTable) -> str:
    """Return the table as CSV: unrounded numbers, units in brackets in the header."""
    units = {m.name: m.unit for m in table.measures}
    units |= {f"{name} {ERROR}": unit for name, unit in list(units.items())}
    columns = map(str, table.frame)
    named = {c: f"{c} [{units[c]}]" for c in columns if units.get(c)}
    return str(table.frame.rename(columns=named).to_csv(index=False, lineterminator="\n"))


def to_latex(table: ReportTable, caption: str) -> str:
    """Return the table as a LaTeX float with rules of the package booktabs.

    Standard errors stand in parentheses below the numbers.
    """
    columns = _columns(table)
    layout = "l" * len(table.keys) + "r" * (len(columns) - len(table.keys))
    heading = " & ".join(_stacked(heading) for heading, _, _ in columns)
    units = " & ".join(_tex(unit) for _, unit, _ in columns)
    rows = []
    for cells in _cells(table, columns):
        rows.append(" & ".join(_tex(value) for value, _ in cells) + r" \\")
        if any(error for _, error in cells):
            rows.append(" & ".join(_tex(error) for _, error in cells) + r" \\")
    note = _tex(f"{caption} {table.note}")
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_tex(table.title)}}}",
            rf"\begin{{tabular}}{{{layout}}}",
            r"\toprule",
            heading + r" \\",
            *([units + r" \\"] if units.strip(" &") else []),
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\par\medskip\parbox{{\linewidth}}{{{note}}}",
            r"\end{table}",
            "",
        ]
    )


def latex_table(
    title: str,
    heads: Sequence[str],
    names: int,
    blocks: Sequence[tuple[str, Sequence[Sequence[str]]]],
    note: str,
) -> str:
    """Return rows of text in titled blocks as a LaTeX float with rules of the package booktabs.

    Parameters
    ----------
    title : str
    heads : sequence of str
        Headings of the columns, the first ``names`` of which hold text.
    names : int
    blocks : sequence of (str, rows)
    note : str
    """
    width = len(heads)
    lines = []
    for heading, rows in blocks:
        lines.append(rf"\multicolumn{{{width}}}{{l}}{{\emph{{{_tex(heading)}}}}} \\")
        lines += [" & ".join(map(_tex, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_tex(title)}}}",
            rf"\begin{{tabular}}{{{'l' * names + 'r' * (width - names)}}}",
            r"\toprule",
            " & ".join(map(_tex, heads)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\par\medskip\parbox{{\linewidth}}{{{_tex(note)}}}",
            r"\end{table}",
            "",
        ]
    )


def to_html(table: ReportTable) -> str:
    """Return the table as an HTML fragment; cells carry their full number for sorting."""
    columns = _columns(table)
    head = "".join(
        f'<th scope="col"{_kind(k, table)}>{escape(heading)}'
        + (f'<span class="unit">{escape(unit)}</span>' if unit else "")
        + "</th>"
        for k, (heading, unit, _) in enumerate(columns)
    )
    body = []
    for (_, row), cells in zip(table.frame.iterrows(), _cells(table, columns), strict=True):
        texts = [escape(" ".join(cell).strip()) for cell in cells]
        shown = [
            f"<td{_kind(k, table)}{_sort_value(row, table, k)}>{text}</td>"
            for k, text in enumerate(texts)
        ]
        body.append(f"<tr>{''.join(shown)}</tr>")
    return "\n".join(
        [
            f"<table><caption>{escape(table.title)}</caption>",
            f"<thead><tr>{head}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
            f'<p class="note">{escape(table.note)}</p>',
            "",
        ]
    )


Text = tuple[str, str]
"""A number and, in parentheses, its standard error; either may be empty."""

Cell = Callable[[pd.Series], Text]


def _columns(table: ReportTable) -> list[tuple[str, str, Cell]]:
    """Return heading, unit, and number with standard error of every column that is shown."""
    keys = [(heading, "", _key(name)) for name, heading in table.keys.items()]
    measures = [(m.heading, m.unit, _measured(m)) for m in table.measures]
    counts = [(name, "", _key(name)) for name in ("panels", "months") if name in table.frame]
    return [*keys, *measures, *counts]


def _cells(table: ReportTable, columns: list[tuple[str, str, Cell]]) -> Iterator[list[Text]]:
    for _, row in table.frame.iterrows():
        yield [text(row) for _, _, text in columns]


def _key(name: str) -> Cell:
    def text(row: pd.Series) -> Text:
        value = row[name]
        return f"{value:g}" if isinstance(value, int | float) else str(value), ""

    return text


def _measured(measure: Measure) -> Cell:
    def text(row: pd.Series) -> Text:
        value = number(row[measure.name], measure.decimals)
        if not measure.error or not np.isfinite(row[f"{measure.name} {ERROR}"]):
            return value, ""
        return value, f"({number(row[f'{measure.name} {ERROR}'], measure.decimals)})"

    return text


def number(value: float, decimals: int | None = None) -> str:
    """Return a number for readers: fixed decimals, or three significant digits."""
    if not np.isfinite(value):
        return NOTHING
    if decimals is None:
        text = f"{value:.2e}" if value and abs(value) < 1e-4 else f"{value:#.3g}"
        text = f"{value:.0f}" if abs(value) >= 1000 else text.removesuffix(".")
    else:
        text = f"{value:.{decimals}f}"
        text = text.lstrip("-") if float(text) == 0 else text
    return text.replace("-", MINUS)


def _kind(column: int, table: ReportTable) -> str:
    return "" if column < len(table.keys) else ' class="number"'


def _sort_value(row: pd.Series, table: ReportTable, column: int) -> str:
    counts = [name for name in ("panels", "months") if name in table.frame]
    name = [*table.keys, *(m.name for m in table.measures), *counts][column]
    value = row[name]
    return f' data-value="{value!r}"' if isinstance(value, int | float) else ""


def _stacked(heading: str) -> str:
    words = [_tex(word) for word in heading.split()]
    lines = r" \\ ".join(words)
    return rf"\shortstack[r]{{{lines}}}" if len(words) > 1 else lines


def _tex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


def write_report_table(table: ReportTable, caption: str, stem: Path) -> None:
    """Write a table as ``{stem}.csv``, ``{stem}.tex`` and ``{stem}.html``."""
    written = {"csv": to_csv(table), "tex": to_latex(table, caption), "html": to_html(table)}
    for suffix, text in written.items():
        with replacing(stem.with_name(f"{stem.name}.{suffix}")) as temporary:
            temporary.write_text(text, encoding="utf-8")

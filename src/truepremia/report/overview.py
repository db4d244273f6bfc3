"""What the report begins with: a few sentences and one figure, computed from its own tables."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from markupsafe import Markup

from truepremia.files.formats import reading

ROW, BAR, LEFT, RIGHT = 22, 14, 250, 70
"""Heights of a row and of its bar, and widths beside the bars, in pixels of the figure."""

WIDTH = 760
COLOURS = ("#0b4f87", "#7a7a7a")
"""Of methods on characteristics, and of methods that use the true loadings."""


@dataclass(frozen=True)
class Share:
    """What a method reaches at its best penalty.

    Parameters
    ----------
    method : str
    penalty : str
        As the table has it.
    share : float
        Of the attainable Sharpe ratio.
    attainable : float
        The attainable Sharpe ratio per month.
    truth : bool
        Whether the method uses the true loadings.
    """

    method: str
    penalty: str
    share: float
    attainable: float
    truth: bool


@dataclass(frozen=True)
class Overview:
    """The beginning of the page."""

    sentences: Sequence[str]
    chart: Markup


def overview(
    economies: Mapping[str, Path], truths: Iterable[str], stores: Mapping[str, Path]
) -> Overview:
    """Return the beginning of the page.

    Parameters
    ----------
    economies : mapping of str to path
        The table ``performance`` as CSV, by title of the economy.
    truths : iterable of str
        Methods that use the true loadings.
    stores : mapping of str to path
        The table ``evaluation.csv``, by title of the store.
    """
    known = frozenset(truths)
    found = {title: best_shares(path, known) for title, path in economies.items()}
    sentences = [_of_economy(title, shares) for title, shares in found.items() if shares]
    sentences += [_of_store(title, path) for title, path in stores.items()]
    return Overview([s for s in sentences if s], _chart(found))


def best_shares(path: Path, truths: frozenset[str]) -> list[Share]:
    """Return every method of the table at the penalty at which its share is largest.

    Parameters
    ----------
    path : path
    truths : frozenset of str
        Methods that use the true loadings.
    """
    best: dict[str, Share] = {}
    for row in csv_rows(path):
        if not row["ratio"]:
            continue
        name, share = row["method"], float(row["ratio"])
        if name not in best or share > best[name].share:
            attainable = float(row["max_sharpe [per month]"])
            best[name] = Share(name, row["alpha"], share, attainable, name in truths)
    return list(best.values())


def _of_economy(title: str, shares: Sequence[Share]) -> str:
    """Say which method comes nearest to the truth, the others beside it."""
    ranked = sorted((s for s in shares if not s.truth), key=lambda s: -s.share)
    if not ranked:
        return ""
    first, *others = ranked
    rest = ", ".join(f"{s.method} {s.share:.0%}" for s in others)
    return (
        f"{title}: of the attainable Sharpe ratio, {first.attainable:.3f} per month, "
        f"{first.method} reaches {first.share:.0%} at its best penalty, {float(first.penalty):g}"
        + (f"; {rest}." if rest else ".")
    )


def _of_store(title: str, path: Path) -> str:
    """Say how near replicated factors come to the published ones."""
    whole = [row for row in csv_rows(path) if row["sample"] == "all" and row["r2"]]
    if not whole:
        return ""
    said = ", ".join(f"{row['factor']} {float(row['r2']):.3f}" for row in whole)
    return f"{title}: R² of the published on the replicated factors: {said}."


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each a mapping from its columns."""
    with reading(path), path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _chart(found: Mapping[str, Sequence[Share]]) -> Markup:
    """Draw a bar for each method, the economies one below the other."""
    parts, y = [], 0
    scale = (WIDTH - LEFT - RIGHT) / max([1.0, *(s.share for f in found.values() for s in f)])
    for title, shares in found.items():
        y += ROW + 6
        parts.append(f'<text x="0" y="{y}" font-weight="600">{escape(title)}</text>')
        for share in sorted(shares, key=lambda s: -s.share):
            y += ROW
            length = max(share.share, 0.0) * scale
            note = " (true loadings)" if share.truth else ""
            label = f"{share.method}{note}, penalty {float(share.penalty):g}"
            parts += [
                f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{escape(label)}</text>',
                f'<rect x="{LEFT}" y="{y - BAR + 2}" width="{length:.1f}" height="{BAR}" '
                f'fill="{COLOURS[share.truth]}"/>',
                f'<text x="{LEFT + length + 6:.1f}" y="{y}">{share.share:.0%}</text>',
            ]
    line = LEFT + scale
    parts.append(
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="0" y2="{y + 6}" stroke="#1a1a1a" '
        'stroke-dasharray="4 3"/>'
    )
    alt = "Share of the attainable Sharpe ratio by economy and method, at the best penalty of each"
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {y + 12}" role="img" aria-label="{alt}" '
        f'font-size="13">{"".join(parts)}</svg>'
    )

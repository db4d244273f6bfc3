"""The leaderboard on the page: what is said where panels are simulated, real, or both."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from truepremia.judgement.leaderboard import leaderboard, panel_rows
from truepremia.judgement.realised import realised_rows
from truepremia.methods.entry import Entry
from truepremia.report.board import Exhibits, every_table, headline_table, paired_table, realised
from truepremia.report.board_inputs import NO_REALISED_ROWS, NO_ROWS
from truepremia.report.contents import BOARD_FIGURES, BOARD_TABLES
from truepremia.report.page import NO_TRUTH, board_part, report_page

MONTHS = 40
METHODS = {name: Entry(name, kind=name) for name in ("capm", "ff", "fm")}
"""All that are configured; fm is judged on no panel."""


def statistics(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "month": np.arange(MONTHS),
        "variant": np.full(MONTHS, "", dtype=object),
        "choice": np.full(MONTHS, "loo", dtype=object),
        "alpha": np.full(MONTHS, np.nan),
        "stdev": rng.uniform(0.5, 1.5, MONTHS),
        "mean": rng.uniform(0.05, 0.2, MONTHS),
        "xret": rng.normal(0.1, 1, MONTHS),
        "hjd": rng.uniform(0.1, 0.3, MONTHS),
        "turnover": rng.uniform(0, 1, MONTHS),
    }


def exhibits(simulated: int = 0, real: int = 0) -> Exhibits:
    theta = dict.fromkeys(range(MONTHS), 0.4)
    judged = [name for name in METHODS if name != "fm"]
    rows = [
        panel_rows("bgn", f"bgn_{p}", method, statistics(10 * p + m), theta)
        for p in range(simulated)
        for m, method in enumerate(judged)
    ]
    earned = [
        realised_rows(f"us{p}", method, statistics(100 + 10 * p + m)).assign(headline=True)
        for p in range(real)
        for m, method in enumerate(judged)
    ]
    board = leaderboard(pd.concat(rows) if rows else NO_ROWS, {}, "capm", {"bgn": simulated})
    realised = pd.concat(earned, ignore_index=True) if earned else NO_REALISED_ROWS
    return Exhibits(board, METHODS, realised, {}, {})


@pytest.mark.parametrize(
    ("simulated", "real", "said"),
    [
        (2, 0, "2 methods on 2 simulated panels"),
        (0, 1, "2 methods on 1 real panel"),
        (1, 2, "2 methods on 1 simulated panel and 2 real panels"),
        (0, 0, "0 methods on no panel"),
    ],
)
def test_the_log_counts_judged_methods_and_both_kinds_of_panels(simulated, real, said):
    assert exhibits(simulated, real).judged == said


PIXEL = b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"\0\0\0\1" * 2


def written(folder: Path, shown: Exhibits) -> list[Path]:
    """Write what the page reads of a leaderboard."""
    tables = {
        "leaderboard": every_table(shown),
        "headline": headline_table(shown),
        "paired": paired_table(shown),
        "realised": shown.realised,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    for name in BOARD_FIGURES:
        (folder / f"{name}.png").write_bytes(PIXEL)
    return list(folder.iterdir())


OF_TRUTH = {*BOARD_FIGURES} - {"realised"}


@pytest.mark.parametrize(
    ("simulated", "real", "tables", "figures"),
    [
        (2, 0, {"headline", "paired"}, OF_TRUTH),
        (0, 1, {"realised"}, {"realised"}),
        (1, 1, {*BOARD_TABLES}, {*BOARD_FIGURES}),
    ],
)
def test_the_page_shows_what_is_known_and_nothing_empty(tmp_path, simulated, real, tables, figures):
    board = board_part(written(tmp_path, exhibits(simulated, real)))
    assert [t.name for t in board.tables] == [f"board-{n}" for n in BOARD_TABLES if n in tables]
    assert [f.title for f in board.figures] == [t for n, t in BOARD_FIGURES.items() if n in figures]
    page = report_page([], [], [], board)
    assert (NO_TRUTH in page) == (simulated == 0)


def test_a_table_without_a_row_is_left_out(tmp_path):
    shown = exhibits(simulated=1)
    files = written(tmp_path, shown)
    paired_table(shown).head(0).to_csv(tmp_path / "paired.csv", index=False)
    assert [t.name for t in board_part(files).tables] == ["board-headline"]


def test_the_page_shows_what_stands_for_each_method_on_real_stocks(tmp_path):
    shown = exhibits(real=2)
    shown.realised.loc[0, "headline"] = False
    (table,) = board_part(written(tmp_path, shown)).tables
    assert re.findall(r"<tr><td>(us\d)</td><td>(\w+)</td>", table.html) == [
        ("us0", "ff"),
        ("us1", "capm"),
        ("us1", "ff"),
    ]
    assert f'data-value="{shown.realised["sharpe_se"].tolist()[1]!r}"' in table.html


def test_the_figure_of_real_stocks_has_every_sharpe_ratio_with_its_error():
    shown = exhibits(real=2)
    figure = realised(shown)
    assert [axes.get_title() for axes in figure.axes] == ["us0", "us1"]
    for axes, (_, rows) in zip(figure.axes, shown.realised.groupby("panel"), strict=True):
        bars = [bar.lines[2][0].get_segments()[0][:, 0] for bar in axes.containers]
        middle, half = np.mean(bars, axis=1), np.ptp(bars, axis=1) / 2
        np.testing.assert_allclose(middle, rows["sharpe"], rtol=1e-12)
        np.testing.assert_allclose(half, rows["sharpe_se"], rtol=1e-12)


def test_the_page_lists_panels_of_real_stocks_among_what_is_in_it(tmp_path):
    page = report_page([], [], [], board_part(written(tmp_path, exhibits(1, real=2))))
    lines = [f"Real stocks, panel us{p}: 2 methods judged in {MONTHS} months." for p in range(2)]
    assert re.findall(r"<li>(Real stocks.*)</li>", page) == lines
    assert "Real stocks, panel" not in report_page([], [], [], None)

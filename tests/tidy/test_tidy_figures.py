"""The figures of a replication, from hand-made tables: what they show, and equal bytes."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from truepremia.tidy.evaluation import evaluate, rolling_fits
from truepremia.tidy.figures import FIGURES, Tables, _broken, draw
from truepremia.tidy.pairs import FACTORS

MONTHS = pd.date_range("1990-07", periods=90, freq="MS").astype("datetime64[s]")


def factor_tables(names):
    draws = np.random.default_rng(5)
    replicated = pd.DataFrame({"month": MONTHS, **{n: draws.normal(0, 0.03, 90) for n in names}})
    noise = pd.DataFrame({n: draws.normal(0, 0.003, 90) for n in names})
    published = replicated.assign(**{n: 0.9 * replicated[n] + noise[n] for n in names})
    return replicated, published


def tables_of(names=FACTORS, cells=((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)), months=90):
    draws = np.random.default_rng(6)
    replicated, published = (table.head(months) for table in factor_tables(names))
    rows = [(month, me, bm) for month in MONTHS for me, bm in cells]
    frame = pd.DataFrame(rows, columns=["month", "portfolio_me", "portfolio_bm"])
    frame["ret"], frame["stocks"] = draws.normal(0.01, 0.04, len(rows)), 10
    frame["mktcap_lag"] = 10 * np.e ** frame["portfolio_me"]
    years = np.repeat(np.arange(1990, 1998), 50)
    me = np.exp(draws.normal(5, 1, 400))
    formations = pd.DataFrame({"year": years, "me": me, "bm": draws.uniform(0.1, 2, 400)})
    edges = [
        (year, variable, probability, 100.0 * probability)
        for year in range(1990, 1998)
        for variable, probability in (("me", 0.5), ("bm", 0.3), ("bm", 0.7))
    ]
    columns = ["year", "variable", "probability", "value"]
    return Tables(
        store="mine",
        factors=replicated,
        published=published,
        rolling=rolling_fits(replicated, published),
        cells=frame,
        breakpoints=pd.DataFrame(edges, columns=columns),
        formations=formations,
        fits=evaluate(replicated, published).to_mapping()["factors"],
    )


@pytest.fixture(scope="module")
def tables():
    return tables_of()


@pytest.mark.parametrize("name, kind", [*((name, "pdf") for name in FIGURES), ("fitted", "png")])
def test_equal_tables_give_equal_bytes_without_a_date(tables, tmp_path, name, kind):
    contents = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        draw(tmp_path / folder / f"{name}.{kind}", tables)
        contents.append((tmp_path / folder / f"{name}.{kind}").read_bytes())
    assert contents[0] == contents[1]
    assert contents[0].startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[kind])
    assert b"Date" not in contents[0]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "case",
    [
        pytest.param({"names": ("smb", "hml"), "months": 30}, id="two factors, short"),
        pytest.param({"cells": ((1, 1), (2, 3))}, id="empty cells"),
    ],
)
def test_incomplete_replications_can_be_drawn(tmp_path, name, case):
    draw(tmp_path / f"{name}.png", tables_of(**case))
    assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_scatter_shows_every_month_and_both_lines(tables):
    figure = FIGURES["fitted"](tables)
    axes = next(axes for axes in figure.axes if axes.get_title() == "SMB")
    dots, diagonal, fitted = axes.get_lines()
    assert len(dots.get_xdata()) == 90
    assert np.array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    x, y = fitted.get_xdata(), fitted.get_ydata()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(tables.fits["smb"]["all"]["slope"])


def test_cumulative_lines_end_at_the_sum_of_log_returns(tables):
    axes = next(axes for axes in FIGURES["cumulative"](tables).axes if axes.get_title() == "HML")
    published = axes.get_lines()[0].get_ydata()
    expected = np.log1p(tables.published["hml"].round(4)).sum()
    assert published[-1] == pytest.approx(expected)


def test_lines_break_where_months_are_missing():
    months = pd.to_datetime(["1980-01", "1980-02", "1980-06", "1980-07"]).to_series()
    time, values = _broken(months, pd.Series([1.0, 2.0, 3.0, 4.0]))
    assert np.isnan(values).tolist() == [False, False, True, False, False]
    assert np.isnan(time).tolist() == np.isnan(values).tolist()
    whole = pd.date_range("1980-01", periods=30, freq="MS").to_series()
    assert len(_broken(whole, np.ones(30))[0]) == 30


def test_heat_maps_have_mean_count_size_and_return_of_the_cells(tables):
    stocks, size, returns = FIGURES["cell_heatmaps"](tables).axes
    assert np.array_equal(stocks.images[0].get_array(), np.full((2, 3), 10))
    assert np.asarray(size.images[0].get_array()) == pytest.approx(np.array([[1] * 3, [2] * 3]))
    small_low = tables.cells.query("portfolio_me == 1 and portfolio_bm == 1")["ret"].mean()
    assert returns.images[0].get_array()[0, 0] == pytest.approx(100 * small_low)


def test_breakpoints_are_drawn_in_logs_for_size(tables):
    size = FIGURES["breakpoints"](tables).axes[0]
    nyse = size.get_lines()[1]
    assert nyse.get_ydata().tolist() == pytest.approx([np.log(50.0)] * 8)


def test_drawing_does_not_need_a_display():
    code = "import sys, truepremia.tidy.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

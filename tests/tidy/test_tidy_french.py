"""The series of Kenneth French that two packages ship, and their expected numbers."""

import arch.data.frenchdata
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.tidy.french import (
    earlier_vintage,
    evaluate_vintages,
    later_vintage,
    price_published,
)


def test_months_of_the_later_vintage_are_recovered():
    data = later_vintage()
    month = pd.Series(pd.date_range("1926-07", "2018-11", freq="MS"), name="month")
    assert (data["month"] == month).all()
    assert len(data) == len(month)
    assert (data["month"].diff().dropna().dt.days >= 28).all()


def test_returns_are_decimals():
    first = later_vintage().iloc[0]
    assert first[["mkt_excess", "smb", "hml", "rf"]].tolist() == pytest.approx(
        [0.0296, -0.0230, -0.0287, 0.0022]
    )
    assert earlier_vintage()["mkt_excess"].abs().median() < 0.05


@pytest.mark.parametrize(
    "index", [pd.DatetimeIndex(["1926-07-01"]), pd.Index([199013])], ids=["dates", "month 13"]
)
def test_months_that_cannot_be_told_are_an_error(monkeypatch, index):
    broken = pd.DataFrame({"Mkt-RF": [1.0]}, index=index)
    monkeypatch.setattr(arch.data.frenchdata, "load", lambda: broken)
    with pytest.raises(DataError, match="not with a number YYYYMM; install the locked version"):
        later_vintage()


def test_one_vintage_explains_the_other():
    fits = {factor.name: factor.fit for factor in evaluate_vintages().factors}
    assert round(fits["smb"].r2, 4) == 0.9997
    assert round(fits["hml"].r2, 4) == 0.9992
    assert {fit.months for fit in fits.values()} == {819}
    assert (fits["smb"].first_month, fits["smb"].last_month) == ("1949-01", "2017-03")


def test_grs_of_published_portfolios():
    statistics = {
        (name, test.model): round(test.grs, 3)
        for name, pricing in price_published().items()
        for test in pricing.alphas["published"]
    }
    assert statistics == {
        ("9 size x book-to-market", "CAPM"): 7.753,
        ("9 size x book-to-market", "FF3"): 5.754,
        ("12 industries", "CAPM"): 2.672,
        ("12 industries", "FF3"): 5.183,
    }

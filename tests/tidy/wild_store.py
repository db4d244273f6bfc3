"""What is done to a store that fits its published factors, and what then comes out."""

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.tidy.evaluation import evaluate
from truepremia.tidy.layouts import Choice
from truepremia.tidy.profiles import Options
from truepremia.tidy.reading import Store, read_store
from truepremia.tidy.replication import replicate

FIT = 0.998
"""R2 of published on replicated in the store that nothing was done to."""

CRSP = "UPDATE crsp_monthly SET"


def execute(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def evaluated(path, **choice):
    """Return R2 by factor, and all warnings, of the way from a store to its evaluation."""
    store = read_store(str(path), Choice(**choice))
    replication = replicate(store.stocks, store.accounts, Options(store.report["profile"]))
    factors, published = (
        pd.DataFrame({name: np.asarray(values) for name, values in table.items()})
        for table in (replication.factors, store.published)
    )
    for table in (factors, published):
        table["month"] = table["month"].astype("datetime64[s]")
    noted = [*store.report["warnings"], *replication.report["warnings"]]
    evaluation = evaluate(factors, published, noted=noted)
    r2 = {factor.name: factor.fit.r2 for factor in evaluation.factors}
    return r2, " | ".join(evaluation.warnings)


def refused(path, **choice) -> str:
    with pytest.raises(DataError) as caught:
        read_store(str(path), Choice(**choice))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert str(path) in text or str(path.resolve()) in text
    return text


def fits(r2) -> bool:
    return min(r2["smb"], r2["hml"], r2["mkt_excess"]) > FIT


def assert_same_store(one: Store, other: Store) -> None:
    for name in ("permno", "month", "ret_excess", "mktcap", "mktcap_lag"):
        np.testing.assert_array_equal(getattr(one.stocks, name), getattr(other.stocks, name))
    for name in ("gvkey", "exchange"):
        a, b = getattr(one.stocks, name), getattr(other.stocks, name)
        assert a.names == b.names
        np.testing.assert_array_equal(a.code, b.code)
    np.testing.assert_array_equal(one.accounts.datadate, other.accounts.datadate)
    for name, values in other.accounts.items.items():
        np.testing.assert_array_equal(one.accounts.items[name], values)

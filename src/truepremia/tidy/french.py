"""The series of Kenneth French that two packages ship: the evaluation on real published data.

``arch`` has the three factors of 1926-07 to 2018-11 in percent, ``linearmodels`` has factors and
portfolios of 1949-01 to 2017-03 in decimals: two vintages of the same data, so that evaluating one
against the other shows what revision alone does. Nothing is downloaded.
"""

from collections.abc import Mapping

import arch.data.frenchdata
import pandas as pd
from linearmodels.datasets import french

from truepremia.errors import DataError
from truepremia.tidy.evaluation import Evaluation, evaluate
from truepremia.tidy.pricing import MODELS, AlphaTest, Pricing, alpha_test

SIZE_VALUE = tuple(f"S{size}V{value}" for size in (1, 3, 5) for value in (1, 3, 5))
"""Nine of the 25 size x book-to-market portfolios: smallest, third and fifth quintiles."""

INDUSTRIES = (
    *("NoDur", "Durbl", "Manuf", "Enrgy", "Chems", "BusEq"),
    *("Telcm", "Utils", "Shops", "Hlth", "Money", "Other"),
)

PORTFOLIOS: Mapping[str, tuple[str, ...]] = {
    "9 size x book-to-market": SIZE_VALUE,
    "12 industries": INDUSTRIES,
}

_FACTORS = {"Mkt-RF": "mkt_excess", "MktRF": "mkt_excess", "SMB": "smb", "HML": "hml", "RF": "rf"}


def later_vintage() -> pd.DataFrame:
    """Return the factors that arch ships: month, mkt_excess, smb, hml, rf in decimals.

    Raises
    ------
    DataError
        If the months cannot be told.
    """
    percent = arch.data.frenchdata.load()
    # Newer pandas takes the months YYYYMM for nanoseconds since 1970; the integers survive.
    code = pd.Series(percent.index.astype("int64"))
    if not code.between(190001, 210012).all() or not (code % 100).between(1, 12).all():
        raise DataError(
            f"the months of arch.data.frenchdata begin with {percent.index[0]}, not with a number "
            f"YYYYMM; install the locked version of arch"
        )
    decimal = (percent.rename(columns=_FACTORS) / 100).reset_index(drop=True)
    decimal.insert(0, "month", pd.to_datetime(code.astype(str), format="%Y%m"))
    return decimal


def earlier_vintage() -> pd.DataFrame:
    """Return what linearmodels ships: month, factors, and raw returns of portfolios in decimals."""
    loaded: pd.DataFrame = french.load()
    return loaded.rename(columns={"dates": "month", **_FACTORS})


def evaluate_vintages() -> Evaluation:
    """Evaluate the later vintage, as published, on the earlier one, as replicated."""
    return evaluate(earlier_vintage(), later_vintage())


def price_published() -> Mapping[str, Pricing]:
    """Test the CAPM and the three factors on the earlier vintage, by set of portfolios."""
    data = earlier_vintage().set_index("month")
    return {
        name: Pricing({"published": _alpha_tests(data, columns)}, None, ())
        for name, columns in PORTFOLIOS.items()
    }


def _alpha_tests(data: pd.DataFrame, portfolios: tuple[str, ...]) -> tuple[AlphaTest, ...]:
    excess = data[list(portfolios)].sub(data["rf"], axis="index")
    tests = [alpha_test(model, excess, data[list(MODELS[model])]) for model in ("CAPM", "FF3")]
    return tuple(test for test in tests if test is not None)

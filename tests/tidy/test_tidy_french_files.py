"""Files as Kenneth French's library has them, and portfolios compared with his."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.tidy.figures import draw_portfolios
from truepremia.tidy.french_files import (
    PERCENTILES,
    read_blocks,
    read_breakpoints,
    read_portfolios,
    read_series,
    with_series,
)
from truepremia.tidy.portfolio_evaluation import NAMES, evaluate_portfolios, riskless_of

COLUMNS = [name for names in NAMES.values() for name in names]
MONTHS = pd.date_range("1969-07", periods=60, freq="MS").astype("datetime64[s]")
PROSE = """This file was created by CMPT_OP_RETS using the 202312 CRSP database.
It contains value- and equal-weighted returns for portfolios formed on OP.

The portfolios are constructed at the end of June.
Annual returns are from January to December.

Missing data are indicated by -99.99 or -999.


"""


def block(title: str, table: pd.DataFrame, form: str, period: str = "%Y%m") -> str:
    names = [c.replace("Dec ", "") + "-Dec" if c.startswith("Dec ") else c for c in table]
    lines = [f"  {title}", "," + ",".join(names)]
    lines += [
        f"{at:{period}}," + ",".join(format(v, form) for v in row)
        for at, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join(lines) + "\n\n\n"


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """Replicated excess returns, riskless return, firms; French's are these with little noise."""
    draws = np.random.default_rng(2)
    value = pd.DataFrame(draws.normal(0.006, 0.04, (60, 18)), index=MONTHS, columns=COLUMNS)
    equal = value + draws.normal(0, 0.01, (60, 18))
    riskless = pd.Series(draws.uniform(0.002, 0.006, 60), index=MONTHS).round(4)
    firms = pd.DataFrame(draws.integers(50, 90, (60, 18)), index=MONTHS, columns=COLUMNS)
    return {"value": value, "equal": equal, "riskless": riskless, "firms": firms}


@pytest.fixture
def text(tables) -> str:
    raw = {k: 100 * tables[k].add(tables["riskless"], axis="index") for k in ("value", "equal")}
    raw["value"].iloc[0, 0], raw["equal"].iloc[1, 1] = -99.99, -999
    annual = raw["value"].iloc[:3].set_axis(pd.date_range("1970", periods=3, freq="YS"))
    return PROSE + "".join(
        [
            block("Value Weight Returns -- Monthly", raw["value"], "8.2f"),
            block("Equal Weight Returns -- Monthly", raw["equal"], "8.2f"),
            block("Value Weight Returns -- Annual from January to December", annual, "8.2f", "%Y"),
            block("Number of Firms in Portfolios", tables["firms"], "8.0f"),
            block("Average Firm Size", 10.0 * tables["firms"], "10.2f"),
            block("Value Weight Average of OP", annual, "8.4f", "%Y"),
        ]
    )


def written(text: str, folder: Path, kind: str) -> Path:
    path = folder / f"Portfolios_Formed_on_OP.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("Portfolios_Formed_on_OP.CSV", text)
            archive.writestr("__MACOSX/._Portfolios_Formed_on_OP.CSV", "x")
    else:
        path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


@pytest.mark.parametrize("kind", ["CSV", "zip"])
def test_portfolios_are_read_as_they_were_written(tables, text, tmp_path, kind):
    found = read_portfolios(written(text, tmp_path, kind))
    assert list(found.returns) == ["value", "equal"]
    for weights, hole in (("value", (0, 0)), ("equal", (1, 1))):
        raw = tables[weights].add(tables["riskless"], axis="index")
        raw.iloc[hole] = np.nan
        table = found.returns[weights]
        assert list(table.columns) == COLUMNS
        assert list(table.index) == list(raw.index)
        np.testing.assert_allclose(table, raw, atol=5.1e-5)
    np.testing.assert_array_equal(found.firms, tables["firms"])


def test_blocks_have_titles_and_frequencies(text, tmp_path):
    blocks = read_blocks(written(text, tmp_path, "CSV"))
    assert [b.monthly for b in blocks] == [True, True, False, True, True, False]
    assert blocks[0].title == "Value Weight Returns -- Monthly"


def test_series_without_a_title_is_read(tmp_path):
    file = tmp_path / "F-F_Momentum_Factor.CSV"
    file.write_text(
        "This file was created by CMPT_ME_PRIOR_RETS.\nMissing data are indicated by -99.99.\n\n"
        ",Mom\n192701,   0.36\n192702, -99.99\n192703,   3.75\n\n\n"
        "Annual Factors: January-December\n,Mom\n1927,  24.53\n\nCopyright 2024 K. French\n"
    )
    series = read_series(file)
    np.testing.assert_allclose(series["Mom"], [0.0036, np.nan, 0.0375])
    published = pd.DataFrame({"month": series.index[[0, 2]], "smb": [0.1, 0.2]})
    joined = with_series(published, {"momentum": str(file)})
    np.testing.assert_allclose(joined["umd"], [0.0036, np.nan, 0.0375])
    np.testing.assert_allclose(joined["smb"], [0.1, np.nan, 0.2])


def test_breakpoints_have_counts_and_twentieths(tmp_path):
    file = tmp_path / "OP_Breakpoints.CSV"
    rows = [f"{y},  12,  {y - 1500}," + ",".join(f"{p / 100:.3f}" for p in PERCENTILES)
            for y in (1963, 1964)]  # fmt: skip
    file.write_text("Breakpoints for OP\n\n" + "\n".join(rows) + "\n\nCopyright 2024\n")
    found = read_breakpoints(file)
    assert list(found.index) == [1963, 1964]
    assert found.loc[1963, "firms"] == 12 + 463
    np.testing.assert_allclose(found[30], 0.3)


@pytest.mark.parametrize(
    "content, phrase",
    [
        ("", "no table in it"),
        ("prose\n", "no table in it"),
        (",Lo 30\n1980,1.0\n\n", "no block of monthly returns"),
        (",Lo 30,Hi 30\n198001,1.0\n\n", "1 numbers, its names are 2"),
        (",Lo 30\n198001,x\n\n", "could not convert"),
    ],
)
def test_other_files_are_refused_with_the_remedy(tmp_path, content, phrase):
    file = tmp_path / "other.csv"
    file.write_text(content)
    with pytest.raises(DataError) as caught:
        read_portfolios(file)
    for part in (str(file), phrase, "give the CSV or ZIP file"):
        assert part in str(caught.value)


# --- the comparison ------------------------------------------------------------------------------


def replicated(tables, stocks=1.0) -> pd.DataFrame:
    frames = []
    for sort, names in NAMES.items():
        for number, name in enumerate(names, start=1):
            frame = pd.DataFrame({"month": MONTHS, "sort": sort, "portfolio": number})
            for weights, column in (("value", "ret_vw"), ("equal", "ret_ew")):
                frame[column] = tables[weights][name].to_numpy()
            frame["stocks"] = (stocks * tables["firms"][name]).to_numpy()
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def edges(factor=1.0) -> pd.DataFrame:
    rows = [
        (pd.Timestamp(year, 7, 1), "deciles", p / 10, factor * p / 10)
        for year in (1969, 1975)
        for p in range(1, 10)
    ]
    return pd.DataFrame(rows, columns=["period", "sort", "probability", "value"])


def french_edges() -> pd.DataFrame:
    rows = [[y, 500, *(p / 100 for p in PERCENTILES)] for y in (1969, 1975)]
    return pd.DataFrame(rows, columns=["year", "firms", *PERCENTILES]).set_index("year")


def test_equal_portfolios_fit_and_the_diagnosis_says_so(tables, text, tmp_path):
    file = read_portfolios(written(text, tmp_path, "CSV"))
    found = evaluate_portfolios(
        replicated(tables), file, tables["riskless"], edges(), french_edges()
    )
    whole = [f for f in found.fits if f.sample == "all"]
    assert len(whole) == 2 * 18
    assert min(f.fit.r2 for f in whole) > 0.9999
    assert {f.sample for f in found.fits} == {"all", "1960s", "1970s"}
    assert [f.fit.months for f in whole if f.portfolio == "Lo 30"] == [59, 60]
    assert found.diagnosis[-2:] == (
        "numbers of stocks agree with French's",
        "breakpoints agree with French's",
    )
    draw_portfolios(tmp_path / "map.png", "mine", found)
    assert (tmp_path / "map.png").stat().st_size > 5000
    assert "Hi 10" in found.to_text()


def test_one_regression_is_that_of_numpy(tables, text, tmp_path):
    noise = np.random.default_rng(3).normal(0, 0.01, 60)
    ours = replicated(tables)
    chosen = (ours["sort"] == "quintiles") & (ours["portfolio"] == 5)
    ours.loc[chosen, "ret_vw"] += noise
    file = read_portfolios(written(text, tmp_path, "CSV"))
    found = evaluate_portfolios(ours, file, tables["riskless"], edges())
    fit = next(f.fit for f in found.fits if (f.weights, f.portfolio) == ("value", "Hi 20"))
    y = (file.returns["value"]["Hi 20"] - tables["riskless"]).round(4).to_numpy()
    x = (tables["value"]["Hi 20"].to_numpy() + noise).round(4)
    slope, intercept = np.polyfit(x, y, 1)
    assert (fit.slope, fit.intercept) == pytest.approx((slope, intercept))
    assert fit.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert any("not Hi 20" in line for line in found.diagnosis)


def test_counts_and_breakpoints_that_differ_are_diagnosed(tables, text, tmp_path):
    file = read_portfolios(written(text, tmp_path, "CSV"))
    found = evaluate_portfolios(
        replicated(tables, 0.5), file, tables["riskless"], edges(1.3), french_edges()
    )
    assert "stocks per firm of French's differ from 1 in: 1960s 0.50, 1970s 0.50" in found.diagnosis
    assert any("of their range apart: 1960s at 30%" in line for line in found.diagnosis)


def test_portfolios_of_another_sort_are_refused(tables, tmp_path):
    table = pd.DataFrame({"NoDur": [1.0, 2.0]}, index=MONTHS[:2])
    file = tmp_path / "ind.csv"
    file.write_text(block("Average Value Weighted Returns -- Monthly", table, "8.2f"))
    with pytest.raises(DataError, match="not those on operating profitability"):
        evaluate_portfolios(replicated(tables), read_portfolios(file), tables["riskless"], edges())


def test_raw_returns_need_a_riskless_return():
    with pytest.raises(DataError, match="no riskless return"):
        riskless_of(pd.DataFrame({"month": MONTHS, "smb": 0.0}))

"""The package from Python: names with types, panels and results as frames, figures on axes."""

import ast
import doctest
import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import truepremia as tp
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import (
    CalibrationError,
    ConfigError,
    DataError,
    MethodError,
    TruepremiaError,
)
from truepremia.files.frames import STATA_NAME, TIDY, write_stata
from truepremia.methods.kns import KNS
from truepremia.methods.managed import Managed
from truepremia.methods.predictor import Predictor
from truepremia.workflow import laboratory, progress

SMALL = {"firms": 30, "months": 24, "burnin": 13}


@pytest.fixture(scope="module")
def panel():
    return tp.simulate("bgn", **SMALL)


def test_every_name_has_its_type_and_is_there():
    tree = ast.parse(Path(tp.__file__).read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    typed = {alias.name: node.module for node in block.body for alias in node.names}
    homes = {n: h.removesuffix(f".{n}") if n == "plots" else h for n, h in tp._HOME.items()}
    assert typed == homes
    for name in tp.__all__:
        assert getattr(tp, name) is not None
    assert set(tp.__all__) <= set(dir(tp))
    assert (Path(tp.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tp.nothing  # noqa: B018


def test_importing_the_package_costs_nothing():
    code = "import sys, truepremia; print({'numpy', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_missing_in_a_folder_of_results_is_not_promised_by_the_same_command(
    finished, tmp_path
):
    copy = tmp_path / "results"
    shutil.copytree(finished.results, copy)
    results = tp.read_results(copy)
    (copy / "panels" / results.panels[0] / "sdf.parquet").unlink()
    with pytest.raises(DataError, match="there is no such file; run the workflow") as error:
        results.sdf()
    assert "same command" not in str(error.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="name a folder that can be made"):
        results.to_stata(tmp_path / "file")


@pytest.mark.parametrize("method", [None, "ff", tp.FamaFrench, object()])
def test_factors_of_what_is_no_method_are_refused_in_one_line(panel, method):
    with pytest.raises(MethodError, match="must be an object with weights and names"):
        panel.factors(method)


def test_what_has_no_month_or_no_method_is_refused_in_one_line(panel):
    sections = list(panel.cross_sections())
    with pytest.raises(DataError, match="no month to form factors in"):
        tp.factor_returns(tp.FamaFrench(), [])
    with pytest.raises(DataError, match="no month to form factors in"):
        tp.model_premia(tp.ModelImplied("proj"), [])
    with pytest.raises(MethodError, match=r"must be a ModelImplied"):
        tp.model_premia(tp.FamaFrench(), sections)
    with pytest.raises(DataError, match="threads is 0: must be at least 1"):
        tp.factor_returns(tp.FamaFrench(), sections, threads=0)
    with pytest.raises(DataError, match="months is -1"):
        panel.to_frame(-1)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: tp.FamaFrench("Zero"), "empty_cells is 'Zero': must be 'balanced' or 'zero'"),
        (lambda: tp.FamaFrench(None), "empty_cells is None"),
        (lambda: tp.ModelImplied("proj", "vw"), "weighting is 'vw': must be 'ols' or 'value'"),
        (lambda: KNS(Managed(), space="x"), "space is 'x': must be 'components' or"),
        (lambda: Predictor("a.b", target="y"), "target is 'y': must be 'return' or"),
        (lambda: Predictor("a.b", portfolio="y"), "portfolio is 'y'"),
        (lambda: Predictor("a.b", market="y"), "market is 'y'"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_where_it_is_made(made, said):
    with pytest.raises(MethodError, match=re.escape(said)):
        made()


@pytest.mark.parametrize("shape", [(1, 30), (1,), (31,), (30, 2, 2), ()])
@pytest.mark.parametrize("name", ["variance", "solve", "solve_second_moment", "hj_distance"])
def test_weights_that_are_not_one_for_each_firm_are_refused(panel, name, shape):
    moments = next(panel.moments())
    with pytest.raises(DataError, match=r"must be \(30,\) or \(30, P\)"):
        getattr(moments, name)(np.ones(shape))


def test_a_loading_that_the_economy_does_not_have_is_named(panel):
    with pytest.raises(MethodError, match="loading is 'x': must be one of taylor, proj"):
        panel.factors(tp.ModelImplied("x"))


WRONG = {
    "firms": ("60", 60.0, True, None, 1, -1),
    "window": ("24", 24.0, True, 1),
    "calibration": (5, "calibration.yaml", Path("calibration.yaml"), [1]),
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in WRONG.items() for v in values])
def test_arguments_of_the_wrong_kind_are_one_line(key, value):
    given = {**SMALL, "window": 12, key: value}
    with pytest.raises(ConfigError, match=f"{key} is .*must be a"):
        tp.judge("bgn", tp.FamaFrench(), **given)


@pytest.mark.parametrize("given", [{1: 2}, {"mean_rate": "x"}, {"nothing": 1}])
def test_calibrations_that_are_none_are_one_line(given):
    with pytest.raises(CalibrationError, match="calibration of bgn: "):
        tp.simulate("bgn", **SMALL, calibration=given)


@pytest.mark.parametrize("size", [{"firms": 10**12}, {"months": 10**12}, {"burnin": 10**14}])
def test_a_panel_that_no_memory_holds_is_refused_at_once(size):
    with pytest.raises(ConfigError, match="lower firms, months or burnin"):
        tp.simulate("bgn", **SMALL | size)


@pytest.mark.parametrize("name", [None, 5, ["bgn"], "bng"])
def test_an_economy_that_is_none_is_refused_with_those_there_are(name):
    with pytest.raises(ConfigError, match=r"unknown economy .*known: bgn, kp14"):
        tp.economy(name)


def test_examples_of_docstrings_print_what_they_say():
    failed, tried = doctest.testmod(laboratory)
    assert tried > 0
    assert failed == 0


def test_numbers_of_numpy_are_numbers():
    swept = {"mean_rate": np.float32(0.004)}
    one, other = (tp.simulate("bgn", **SMALL, calibration=c) for c in (swept, {"mean_rate": 0.004}))
    assert one["xret"] == pytest.approx(other["xret"], abs=1e-6)
    same = tp.simulate("gkx20", **SMALL, calibration={"density": np.int64(1)})
    np.testing.assert_array_equal(
        same["xret"], tp.simulate("gkx20", **SMALL, calibration={"density": 1})["xret"]
    )


def test_a_panel_says_how_it_is_walked_and_what_it_has(panel):
    with pytest.raises(TypeError, match=r"panel\.cross_sections\(\)"):
        list(panel)
    with pytest.raises(KeyError, match=r"must be one of .*firmid"):
        panel["nothing"]


def test_moments_take_lists_of_weights(panel):
    known = next(iter(panel.moments()))
    weights = np.linspace(-1, 1, len(known.firm))
    for asked in (known.variance, known.hj_distance, known.solve):
        np.testing.assert_array_equal(asked(weights.tolist()), asked(weights))


@pytest.mark.parametrize("model", [m for m in ECONOMIES if m != "gs21"])  # gs21 takes 10 s to solve
def test_a_panel_is_a_frame_of_months_and_firms(model):
    panel = tp.simulate(model, **SMALL)
    frame = panel.to_frame()
    assert list(frame.index.names) == ["month", "firmid"]
    assert frame.index.is_unique
    assert frame.index.is_monotonic_increasing
    assert len(frame) == SMALL["firms"] * SMALL["months"]
    t, i = 5, 7
    row = frame.loc[(panel.month[t], panel["firmid"][t, i])]
    for column in (*panel.economy.characteristics, "xret", "mve"):
        assert row[column] == panel[column][t, i] or np.isnan(panel[column][t, i])
    assert ECONOMIES[model].title in repr(panel)
    assert "30 firms, 24 months from 13, 14, 15" in repr(panel)
    assert "<table" in panel._repr_html_()


def test_equal_arguments_give_equal_panels_and_others_do_not(panel):
    np.testing.assert_array_equal(panel["xret"], tp.simulate("bgn", **SMALL)["xret"])
    for other in ({"seed": 1}, {"index": 1}, {"calibration": {"survival": 0.98}}):
        assert not np.array_equal(panel["xret"], tp.simulate("bgn", **SMALL, **other)["xret"])


def test_the_true_portfolio_attains_the_highest_ratio(panel):
    truth = panel.truth()
    for moments, ratio in zip(panel.moments(), truth["max_sr"], strict=True):
        best = moments.sdf_portfolio()
        own = moments.mean @ best / np.sqrt(moments.variance(best))
        assert own == pytest.approx(ratio, rel=1e-10)
    later = [m.month for m in panel.moments(start=30)]
    assert later == list(range(30, 37))
    assert "30 firms" in repr(next(panel.moments()))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"firms": 1}, "firms is 1"),
        ({"months": 0}, "months is 0"),
        ({"months": 2.5}, "months is 2.5"),
        ({"burnin": 12}, "burnin is 12"),
        ({"seed": -1}, "seed is -1"),
        ({"firms": True}, "firms is True"),
        ({"index": "0"}, "index is '0'"),
        ({"calibration": {"survivall": 1.0}}, "survivall"),
    ],
)
def test_what_breaks_a_rule_is_named(arguments, named):
    with pytest.raises(TruepremiaError) as refused:
        tp.simulate("bgn", **{**SMALL, **arguments})
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="unknown economy"):
        tp.simulate("bng", **SMALL)


def test_progress_is_shown_where_it_is_wanted(monkeypatch, capsys):
    assert list(progress.watched(range(3), 3, "months", False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    if find_spec("tqdm"):
        assert list(progress.watched(range(3), 3, "months", True)) == [0, 1, 2]
        assert "months" in capsys.readouterr().err
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    assert list(progress.watched(range(3), 3, "months")) == [0, 1, 2]
    with pytest.raises(ConfigError, match="pip install tqdm"):
        list(progress.watched(range(3), 3, "months", True))


def test_plots_draw_on_the_axes_they_are_given(panel):
    plots = import_module("truepremia.workflow.plots")
    moments = list(panel.moments())
    judged = pd.DataFrame(
        {
            "choice": ["alpha", "alpha", "loo"],
            "variant": ["", "", ""],
            "alpha": [0, 0.1, np.nan],
            "sharpe": [0.1, 0.2, 0.2],
            "attainable": [0.3, 0.3, 0.3],
        }
    )
    drawn = {
        "cumulative": (panel.factors(tp.FamaFrench()), panel.truth()["sdf_ret"]),
        "sharpe_by_penalty": (judged,),
        "spectrum": (moments[0],),
        "premia": ({"hml": 0.1, "other": 1.0}, {"hml": 0.2}),
        "shares": ({"ff": 0.5, "fm": 0.6},),
        "attainable": (moments,),
    }
    public = {n for n, f in vars(plots).items() if getattr(f, "__module__", "") == plots.__name__}
    assert {n for n in public if n[0] != "_"} == set(drawn)
    for name, arguments in drawn.items():
        ax = Figure().subplots()
        assert getattr(plots, name)(*arguments, ax=ax) is ax
        assert ax.lines or ax.patches
    series = pd.Series({"hml": 0.1, "smb": 0.2})
    drawn_of_series = plots.premia(series, series, ax=Figure().subplots(), errors=series / 10)
    assert [label.get_text() for label in drawn_of_series.get_xticklabels()] == ["hml", "smb"]
    with pytest.raises(DataError, match="no true premium"):
        plots.premia({"hml": 0.1}, {"smb": 0.2}, ax=Figure().subplots())


def test_plots_say_what_they_cannot_draw(panel):
    plots = import_module("truepremia.workflow.plots")
    factors, ax = panel.factors(tp.FamaFrench()), Figure().subplots()
    names = list(factors)
    for nothing in (np.nan, 0.5):
        for column in (names[0], names[-1]):
            with pytest.raises(DataError, match=f"{column} does not vary"):
                plots.cumulative(factors.assign(**{column: nothing}), ax=ax)
    with pytest.raises(DataError, match="does not vary"):
        plots.cumulative(factors.iloc[:1], ax=ax)
    with pytest.raises(DataError, match="sdf_return must be one series"):
        plots.cumulative(factors, factors, ax=ax)
    for wrong in (factors[names[0]], {}, factors[[]]):
        with pytest.raises(DataError, match="returns must be a frame"):
            plots.cumulative(wrong, ax=ax)
    judged = tp.judge("bgn", tp.FamaFrench(), **SMALL, window=12)
    with pytest.raises(DataError, match="no row of choice 'alpha'"):
        plots.sharpe_by_penalty(judged[judged["choice"] != "alpha"], ax=ax)
    with pytest.raises(DataError, match=r"frame that tp\.judge has"):
        plots.sharpe_by_penalty(factors, ax=ax)
    with pytest.raises(DataError, match="no month to draw"):
        plots.attainable([], ax=ax)
    drawn = plots.shares({"a": 0.5, "b": np.nan, "c": 0.3, "d": 0.9}, ax=Figure().subplots())
    assert [label.get_text() for label in drawn.get_yticklabels()] == ["b", "c", "a", "d"]


def test_stata_keeps_numbers_names_and_labels_and_refuses_the_infinite(tmp_path):
    from truepremia.columns import Column

    frame = pd.DataFrame({"month": [1, 2], "x": [0.1, np.nan], "name": ["a", "bü"]})
    described = {"x": Column("per month", "what it is")}
    file = write_stata(tmp_path / "a.dta", frame, described)
    pd.testing.assert_frame_equal(pd.read_stata(file), frame, check_dtype=False)
    with pd.read_stata(file, iterator=True) as reader:
        assert reader.variable_labels()["x"] == "what it is (per month)"
    assert file.read_bytes() == write_stata(tmp_path / "b.dta", frame, described).read_bytes()
    with pytest.raises(DataError, match="infinite"):
        write_stata(tmp_path / "c.dta", frame.assign(x=np.inf), described)
    assert not (tmp_path / "c.dta").exists()
    with pytest.raises(DataError, match="no name"):
        write_stata(tmp_path / "c.dta", frame.rename(columns={"x": "x" * (STATA_NAME + 1)}), {})


def test_folders_and_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataError, match="no finished panel"):
        tp.read_results(tmp_path)
    pd.to_pickle({"panel_id": "bgn_0"}, tmp_path / "bgn_0_fama.pkl")
    with pytest.raises(DataError, match="has no ff_returns"):
        tp.read_bundle(tmp_path / "bgn_0_fama.pkl")


@pytest.mark.slow
def test_a_bundle_that_is_not_its_panel_s_is_refused(finished, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(finished.results, copy)
    results = tp.read_results(copy)
    first, second = results.panels[:2]
    shutil.copy(copy / f"{second}_fama.pkl", copy / f"{first}_fama.pkl")
    for read in (results.statistics, results.factor_returns, results.premia):
        with pytest.raises(DataError, match=f"{first}_fama.pkl .*it is not the bundle of the man"):
            read()
    (copy / f"{first}_manifest.json").unlink()
    with pytest.raises(DataError, match=f"{first}_fama.pkl is the bundle of {second}"):
        results.statistics()


def test_a_flag_that_one_economy_has_stays_a_flag_over_all_panels(finished, monkeypatch):
    results = tp.read_results(finished.results)
    first, *others = results.panels

    def read(_, panel, table):
        rows = pd.DataFrame({"month": [1, 1], "firmid": [0, 1], "xret": [0.1, 0.2]})
        return rows.assign(no_capital=[True, False]) if panel == first else rows

    monkeypatch.setattr(type(results), "_read", read)
    flag = results.to_frame()["no_capital"]
    assert flag.dtype == "boolean"
    assert (~flag.loc[first]).tolist() == [False, True]
    assert flag.loc[others[0]].isna().all()


def test_results_are_tidy_frames_of_all_panels_and_open_in_other_languages(finished, tmp_path):
    results = tp.read_results(finished.results)
    assert len(results.panels) > 1
    assert all(panel in repr(results) for panel in results.panels)
    first = results.panels[0]
    firms = results.to_frame(first)
    assert list(firms.index.names) == ["month", "firmid"]
    assert list(results.to_frame().index.names) == ["panel", "month", "firmid"]
    bundle = results.bundle(first)
    assert repr(bundle).startswith(f"<Bundle {first}: ")
    assert "<table" in bundle._repr_html_()
    same_bundle = bundle.copy()
    assert repr(same_bundle) == repr(bundle)
    pd.testing.assert_frame_equal(same_bundle.to_frame(), bundle.to_frame())
    stats = results.statistics()
    assert set(stats["panel"]) == set(results.panels)
    # No portfolio of any method beats the attainable ratio.
    assert (stats["sharpe"] <= stats["max_sr"] * (1 + 1e-9)).all()
    wide = bundle["ff_returns"]
    long = results.factor_returns()
    same = long[(long["panel"] == first) & (long["method"] == "ff")]
    back = same.set_index(["month", "factor"])["xret"].unstack()[list(wide)]  # noqa: PD010
    np.testing.assert_array_equal(back, wide)
    assert {"taylor", "proj"} >= set(results.premia()["kind"])

    files = results.to_stata(tmp_path / "stata", firms=True)
    assert {f.stem for f in files} == {*TIDY, *results.panels}
    for name in TIDY:
        table = getattr(results, name)()
        stata = pd.read_stata(tmp_path / "stata" / f"{name}.dta")
        pd.testing.assert_frame_equal(stata, table, check_dtype=False, check_column_type=False)
    with pytest.raises(DataError, match="there is no panel 'bgn_99'"):
        results.to_frame("bgn_99")


@pytest.mark.slow
def test_firms_that_are_not_kept_are_named_before_anything_is_written(finished, tmp_path):
    copy = Path(shutil.copytree(finished.results, tmp_path / "copy"))
    last = tp.read_results(copy).panels[-1]
    dropped = copy / "panels" / last / "panel.parquet"
    dropped.unlink()
    with pytest.raises(DataError, match=f"truepremia run {re.escape(str(dropped))}, with"):
        tp.read_results(copy).to_stata(tmp_path / "stata", firms=True)
    assert not list((tmp_path / "stata").iterdir())


@pytest.mark.slow
def test_one_stray_manifest_does_not_hide_the_other_panels(finished, tmp_path):
    first, *others = sorted(finished.results.glob("*_manifest.json"))
    for file in others:
        shutil.copy(file, tmp_path)
    shutil.copy(others[0], tmp_path / "copy_manifest.json")
    (tmp_path / first.name).write_text("{")
    with pytest.warns(UserWarning, match="left out") as seen:
        results = tp.read_results(tmp_path)
    assert len(results.panels) == len(others) > 0
    assert len(seen) == 2
    assert "copy_manifest.json is a manifest of" in str(seen[1].message)


@pytest.mark.slow
def test_duckdb_reads_every_table_of_a_run(finished):
    duckdb = pytest.importorskip("duckdb")
    tables = sorted(finished.results.rglob("*.parquet"))
    assert len(tables) > 10
    for file in tables:
        rows = duckdb.sql(f"SELECT count(*) FROM read_parquet('{file}')").fetchall()[0][0]
        assert rows == len(pd.read_parquet(file)), file
    for file in finished.results.rglob("*.csv"):
        assert duckdb.sql(f"SELECT * FROM read_csv('{file}')").columns == list(pd.read_csv(file))


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (lambda panel: tp.plots.cumulative(np.ones((3, 2))), "a frame with a column for each"),
        (lambda panel: tp.plots.spectrum(panel), "those of a month, such as next"),
        (lambda panel: tp.plots.spectrum(panel.moments()), "those of a month, such as next"),
        (lambda panel: tp.plots.attainable([1.0]), "those of a month, such as next"),
        (lambda panel: tp.plots.premia([1.0], {"a": 1.0}), "earned is .* numbers by name"),
        (lambda panel: tp.plots.shares([1.0]), "named is .* numbers by name"),
        (lambda panel: panel.moments("a"), "start is 'a': must be a month of the panel, from 13"),
        (lambda panel: panel.moments(1000), "must be a month of the panel, from 13 to 36"),
    ],
)
def test_what_cannot_be_drawn_or_asked_is_told_what_can(panel, drawn, said):
    with pytest.raises(DataError, match=said):
        drawn(panel)

"""The report's numbers against direct recomputation from the bundles and tables of its panels."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from miniature import Workplace

from truepremia.economies.registry import economy
from truepremia.plotting import save, style
from truepremia.report import figures
from truepremia.report.contents import FIGURES, TABLES
from truepremia.report.finished import Finished
from truepremia.report.gather import gather
from truepremia.report.shown import shown_methods

WINDOW, MONTHS, FIRST = 36, 84, 40  # config/test.yaml
SAMPLED = 12
PANELS = {"bgn": ["bgn_0", "bgn_2"], "kp14": ["kp14_0"]}
SHOCKS = {"bgn": ["mu", "xi"], "kp14": ["shock_z", "shock_x"]}
NAMED = {"mu": "mu", "xi": "xi", "shock_z": "z", "shock_x": "x"}
CASES = list(PANELS.items())


def table(place, model, name):
    """Return a CSV table with plain column names."""
    frame = pd.read_csv(place.results / "report" / "tables" / f"{model}_{name}.csv")
    return frame.rename(columns=lambda column: re.sub(r" \[.*\]", "", column))


def bundle(place, panel):
    return pd.read_pickle(place.results / f"{panel}_fama.pkl")


def stored(place, panel, name):
    return pd.read_parquet(place.panel(panel) / f"{name}.parquet").set_index("month")


def statistics(place, panel):
    items = bundle(place, panel)
    return pd.concat([items["fama_stats"], items["model_stats"]])


def factors(place, panel, method):
    if method in ("ff", "fm"):
        return bundle(place, panel)[f"{method}_returns"]
    return stored(place, panel, f"latent_{method}")


def least_squares(target, regressors):
    """Return coefficients (constant first), HC1 t-statistics and R2, by the textbook."""
    X = np.column_stack([np.ones(len(target)), regressors])
    bread = np.linalg.inv(X.T @ X)
    b = bread @ X.T @ target
    e = target - X @ b
    n, k = X.shape
    covariance = n / (n - k) * bread @ ((X * (e**2)[:, None]).T @ X) @ bread
    return b, b / np.sqrt(np.diag(covariance)), 1 - e @ e / np.sum((target - target.mean()) ** 2)


def assert_over_panels(row, name, values, scale=1.0):
    """Compare mean and standard error over panels of a row's number."""
    values = scale * np.array(values, dtype=float)
    assert row[name] == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
    if f"{name} s.e." in row:
        error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        assert row[f"{name} s.e."] == pytest.approx(error, rel=1e-6, abs=1e-12, nan_ok=True)


def measured(place, panel, method, alpha):
    stats = statistics(place, panel)
    rows = stats[(stats["method"] == method) & (stats["alpha"] == alpha)].set_index("month")
    truth = stored(place, panel, "sdf").loc[rows.index]
    sharpe = rows["mean"] / rows["stdev"]
    return {
        "sharpe": sharpe.mean(),
        "max_sharpe": truth["max_sr"].mean(),
        "ratio": (sharpe / truth["max_sr"]).mean(),
        "hjd": rows["hjd"].mean(),
        "hjd_rms": np.sqrt(np.mean(rows["hjd"] ** 2)),
        "realised_distance": np.sqrt(np.mean((truth["sdf_ret"] - rows["xret"]) ** 2)),
        "mean": 100 * rows["mean"].mean(),
        "stdev": 100 * rows["stdev"].mean(),
    }


@pytest.mark.parametrize(("model", "panels"), CASES)
def test_performance_is_the_mean_over_panels_of_each_panels_average(reported, model, panels):
    found = table(reported, model, "performance")
    assert list(zip(found["method"], found["alpha"], strict=True)) == [
        *(("ff", 0.0), ("ff", 0.01), ("fm", 0.0), ("fm", 0.01)),
        *(("taylor", 0.0), ("proj", 0.0)),
    ]
    for _, row in found.iterrows():
        each = [measured(reported, panel, row["method"], row["alpha"]) for panel in panels]
        assert (row["panels"], row["months"]) == (len(panels), MONTHS - WINDOW)
        for name in each[0]:
            assert_over_panels(row, name, [panel[name] for panel in each])


def test_differences_are_paired_within_panels(reported):
    for _, row in table(reported, "bgn", "differences").iterrows():
        fm, ff = (
            [measured(reported, panel, method, row["alpha"]) for panel in PANELS["bgn"]]
            for method in ("fm", "ff")
        )
        for name in ("sharpe", "ratio", "hjd", "realised_distance", "mean", "stdev"):
            paired = [a[name] - b[name] for a, b in zip(fm, ff, strict=True)]
            assert_over_panels(row, name, paired)
            assert row[f"t_{name}"] == pytest.approx(row[name] / row[f"{name} s.e."])


@pytest.mark.parametrize(("model", "panels"), CASES)
def test_factor_summary_matches_the_textbook(reported, model, panels):
    found = table(reported, model, "factors").set_index(["method", "factor"])
    for (method, factor), row in found.iterrows():
        returns = [factors(reported, panel, method) for panel in panels]
        series = [r[factor].to_numpy() for r in returns]
        truths = [stored(reported, panel, "sdf")["sdf_ret"].to_numpy() for panel in panels]
        spanning = [
            least_squares(s, r.drop(columns=factor)) for s, r in zip(series, returns, strict=True)
        ]
        assert_over_panels(row, "mean", [s.mean() for s in series], 100)
        assert_over_panels(row, "stdev", [s.std(ddof=1) for s in series], 100)
        assert_over_panels(row, "sharpe", [s.mean() / s.std(ddof=1) for s in series])
        ts = [s.mean() / s.std(ddof=1) * np.sqrt(MONTHS) for s in series]
        assert_over_panels(row, "t", ts)
        correlations = [np.corrcoef(s, t)[0, 1] for s, t in zip(series, truths, strict=True)]
        assert_over_panels(row, "sdf_correlation", correlations)
        assert_over_panels(row, "spanning_alpha", [b[0] for b, _, _ in spanning], 100)
        assert_over_panels(row, "spanning_t", [t[0] for _, t, _ in spanning])
        assert_over_panels(row, "spanning_r2", [r2 for _, _, r2 in spanning])


def test_exact_mean_of_a_factor_is_its_weights_times_the_conditional_means(reported, plain):
    panel, means = stored(reported, "kp14_0", "panel"), []
    moments = stored(reported, "kp14_0", "moments")
    for month in range(FIRST + WINDOW, FIRST + MONTHS, SAMPLED):
        rows = panel.loc[month].reset_index()
        columns = {name: rows[name].to_numpy() for name in rows}
        cross_section = economy("kp14").layout_with().cross_section(month, columns)
        means.append(moments.loc[month, "mean"].to_numpy() @ plain.fama_macbeth(cross_section))
    found = table(reported, "kp14", "factors").set_index("method").loc["fm"]
    assert np.allclose(found["exact_mean"], 100 * np.mean(means, axis=0), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("model", "panels"), CASES)
def test_exposures_are_regressions_on_the_true_shocks_and_the_sdf_portfolio(
    reported, model, panels
):
    found = table(reported, model, "exposures").set_index(["method", "factor"])
    assert {"f_1", "f_2", "portfolio"} <= set(found.index.get_level_values("factor"))
    for (method, factor), row in found.iterrows():
        fits = []
        for panel in panels:
            if factor == "portfolio":
                stats = statistics(reported, panel)
                chosen = (stats["method"] == method) & (stats["alpha"] == 0)
                series = stats[chosen].set_index("month")["xret"]
            else:
                series = factors(reported, panel, method)[factor]
            shocks = stored(reported, panel, "aggregates").loc[series.index, SHOCKS[model]]
            truth = stored(reported, panel, "sdf").loc[series.index, ["sdf_ret"]]
            y = series.to_numpy()
            fits.append((least_squares(y, shocks), least_squares(y, truth)))
        for k, shock in enumerate(SHOCKS[model], start=1):
            name = NAMED[shock]
            assert_over_panels(row, f"loading_{name}", [f[0][k] for f, _ in fits], 100)
            assert_over_panels(row, f"t_{name}", [f[1][k] for f, _ in fits])
        assert_over_panels(row, "shocks_r2", [f[2] for f, _ in fits])
        assert_over_panels(row, "sdf_loading", [f[0][1] for _, f in fits])
        assert_over_panels(row, "sdf_alpha", [f[0][0] for _, f in fits], 100)
        assert_over_panels(row, "sdf_r2", [f[2] for _, f in fits])


@pytest.mark.parametrize(("model", "panels"), CASES)
def test_captured_is_the_joint_r2_on_all_factors_of_a_method(reported, model, panels):
    found = table(reported, model, "captured")
    assert len(found) == 4 * (1 + len(SHOCKS[model]))
    for _, row in found.iterrows():
        named = {NAMED[s]: s for s in SHOCKS[model]}
        values = []
        for panel in panels:
            if row["target"] == "SDF portfolio":
                target = stored(reported, panel, "sdf")["sdf_ret"]
            else:
                column = named[row["target"].removeprefix("shock ")]
                target = stored(reported, panel, "aggregates")[column]
            regressors = factors(reported, panel, row["method"])
            values.append(least_squares(target.to_numpy(), regressors)[2])
        assert_over_panels(row, "r2", values)


def test_premia_and_correlations_match_the_bundles(reported):
    names = dict(
        zip(["size", "bm", "agr", "roe", "mom"], ["smb", "hml", "cma", "rmw", "umd"], strict=True)
    )
    for _, row in table(reported, "bgn", "premia").iterrows():
        both = []
        for panel in PANELS["bgn"]:
            items = bundle(reported, panel)
            implied = items[f"model_premia_{row['loading']}"][row["characteristic"]]
            both.append((implied, items["fm_returns"][names[row["characteristic"]]]))
        assert_over_panels(row, "implied", [a.mean() for a, _ in both], 100)
        assert_over_panels(row, "realised", [b.mean() for _, b in both], 100)
        assert_over_panels(row, "difference", [(b - a).mean() for a, b in both], 100)
        assert_over_panels(row, "correlation", [np.corrcoef(a, b)[0, 1] for a, b in both])
    for _, row in table(reported, "bgn", "correlations").iterrows():
        method, factor = row["method"], row["factor"]
        other = {"ff": "fm", "fm": "ff"}[method]
        own = [factors(reported, panel, method) for panel in PANELS["bgn"]]
        others = [factors(reported, panel, other) for panel in PANELS["bgn"]]
        for name in own[0]:
            assert_over_panels(row, name, [np.corrcoef(r[factor], r[name])[0, 1] for r in own])
        between = [
            np.corrcoef(a[factor], b[factor])[0, 1] for a, b in zip(own, others, strict=True)
        ]
        assert_over_panels(row, "other_method", between)


def test_characteristics_are_averages_of_cross_sectional_moments(reported):
    months = range(FIRST, FIRST + MONTHS, SAMPLED)
    for _, row in table(reported, "bgn", "characteristics").iterrows():
        means, deviations, medians = [], [], []
        for panel in PANELS["bgn"]:
            values = stored(reported, panel, "panel")[row["variable"]]
            sections = [values.loc[month].to_numpy() for month in months]
            means.append(np.mean([s.mean() for s in sections]))
            deviations.append(np.mean([s.std() for s in sections]))
            medians.append(np.mean([np.median(s) for s in sections]))
        assert_over_panels(row, "mean", means)
        assert_over_panels(row, "sd", deviations)
        assert_over_panels(row, "p50", medians)


def test_quantities_match_the_tables_and_the_manifests(reported):
    found = table(reported, "bgn", "quantities").set_index("quantity")
    months = list(range(FIRST, FIRST + MONTHS, SAMPLED))
    accuracy, empty, live, market = [], [], [], []
    for panel in PANELS["bgn"]:
        manifest = json.loads((reported.results / f"{panel}_manifest.json").read_text())
        accuracy.append(manifest["accuracy"]["largest_euler_error"])
        rows = stored(reported, panel, "panel").loc[months]
        empty.append(rows["no_capital"].mean())
        # Book value is one unit of investment for each live project.
        live.append((rows["bm"] * rows["mve"]).mean())
        market.append(bundle(reported, panel)["ff_returns"]["mkt_rf"].mean())
    euler = found.loc["certificate: largest Euler error"]
    assert (euler["lowest"], euler["highest"]) == (min(accuracy), max(accuracy))
    assert_over_panels(found.loc["firms with zero book value"], "value", empty)
    assert_over_panels(found.loc["live projects"], "value", live)
    assert_over_panels(found.loc["market, value-weighted: mean excess return"], "value", market)


def summary_rows(place, model, kind):
    summaries = json.loads((place.results / "report" / "summaries" / f"{model}_0.json").read_text())
    return pd.DataFrame(summaries["panels"][0][kind])


def test_decile_means_of_the_conditional_mean_average_to_its_mean(reported):
    found = summary_rows(reported, "kp14", "bins")
    months = range(FIRST + WINDOW, FIRST + MONTHS, SAMPLED)
    mu = stored(reported, "kp14_0", "moments")["mean"]
    panel = stored(reported, "kp14_0", "panel")
    lowest = []
    for month in months:
        size = panel.loc[month, "size"].to_numpy()
        lowest.append(mu.loc[month].to_numpy()[size <= np.quantile(size, 0.1)].mean())
    row = found[(found["characteristic"] == "size") & (found["group"] == 1)].iloc[0]
    assert row["mean"] == pytest.approx(np.mean(lowest))


def test_spectrum_splits_the_squared_sharpe_ratio(reported):
    found = summary_rows(reported, "kp14", "spectrum")
    assert len(found) == 2
    months = list(range(FIRST + WINDOW, FIRST + MONTHS, SAMPLED))
    moments = stored(reported, "kp14_0", "moments")
    first, kept = [], []
    for month in months:
        rows = moments.loc[month]
        F, d, mu = np.stack(rows["exposure"]), rows["residual"].to_numpy(), rows["mean"].to_numpy()
        first.append(np.linalg.eigvalsh((F / d[:, None]).T @ F)[-1])
        full = mu @ np.linalg.solve(F @ F.T + np.diag(d), mu)
        # Idiosyncratic risk earns what is orthogonal to F in the metric of d.
        scaled, span = mu / np.sqrt(d), F / np.sqrt(d)[:, None]
        rest = scaled - span @ np.linalg.lstsq(span, scaled)[0]
        kept.append(1 - rest @ rest / full)
    assert found["variance"][0] == pytest.approx(np.mean(first), rel=1e-9)
    assert found["share"].sum() == pytest.approx(np.mean(kept), rel=1e-9)


# --- files ---------------------------------------------------------------------------------------


def test_every_table_and_figure_is_written_in_its_formats(reported):
    folder = reported.results / "report"
    for model in PANELS:
        for name in TABLES:
            for suffix in ("csv", "tex", "html"):
                assert (folder / "tables" / f"{model}_{name}.{suffix}").stat().st_size
        for name in FIGURES:
            pdf = (folder / "figures" / f"{model}_{name}.pdf").read_bytes()
            png = (folder / "figures" / f"{model}_{name}.png").read_bytes()
            assert pdf.startswith(b"%PDF")
            assert b"CreationDate" not in pdf
            assert png.startswith(b"\x89PNG")


@pytest.fixture
def kp14(reported):
    file = reported.results / "report" / "summaries" / "kp14_0.json"
    return json.loads(file.read_text())["panels"][0]


METHODS = shown_methods(economy("kp14").loadings, {})
MARKERS = {method.look.marker for method in METHODS.values()}


def copies(summary, count):
    """Return ``count`` panels that differ in name alone."""
    renamed = [
        {**summary, "panel_id": f"kp14_{k}", "config": {**summary["config"], "index": str(k)}}
        for k in range(count)
    ]
    return gather(economy("kp14"), renamed, METHODS)


def test_equal_figures_are_equal_files(kp14, tmp_path):
    files = []
    for name in ("one", "other"):
        with style():
            save(figures.premia(copies(kp14, 1)), tmp_path, name)
        files.append([(tmp_path / f"{name}.{s}").read_bytes() for s in ("pdf", "png")])
    assert files[0] == files[1]


def test_few_panels_are_points_and_many_are_boxes(kp14):
    few, many = (figures.performance(copies(kp14, count)).axes for count in (3, 8))
    rows = len(kp14["performance"])
    for points, boxes in zip(few, many, strict=True):
        shown = [line for line in points.lines if line.get_marker() in MARKERS]
        assert (len(shown), len(points.patches)) == (rows, 0)
        assert all(len(line.get_xdata()) == 3 for line in shown)
        assert len(boxes.patches) == rows


def test_cumulative_returns_end_at_the_scaled_sum(reported):
    manifest = json.loads((reported.results / "kp14_0_manifest.json").read_text())
    names = [name for name in manifest["files"] if name != "bundle"]
    tables = {name: reported.panel("kp14_0") / f"{name}.parquet" for name in names}
    left, right = figures.cumulative(Finished(economy("kp14"), manifest, tables, METHODS)).axes
    for axes, method in ((left, "ff"), (right, "fm")):
        returns = bundle(reported, "kp14_0")[f"{method}_returns"]
        truth = stored(reported, "kp14_0", "sdf")["sdf_ret"].rename("SDF portfolio")
        drawn = {line.get_label(): line.get_ydata()[-1] for line in axes.lines}
        for name, series in [*returns.items(), ("SDF portfolio", truth)]:
            expected = 0.1 / np.sqrt(12) * series.sum() / series.std()
            assert drawn[name] == pytest.approx(expected)


@pytest.mark.parametrize("name", TABLES)
def test_latex_tables_have_rules_and_rows_of_one_length(reported, name):
    text = (reported.results / "report" / "tables" / f"bgn_{name}.tex").read_text()
    columns = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1])
    body = re.search(r"\\toprule\n(.*)\\bottomrule", text, re.DOTALL)[1]
    rows = [line for line in body.splitlines() if line != r"\midrule"]
    assert all(row.endswith(r" \\") for row in rows)
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {columns - 1}
    # Outside of math, what TeX would take for a command or a comment is escaped.
    assert not re.search(r"(?<!\\)[%#_]", body.replace("$", ""))
    assert text.count("{") == text.count("}")
    assert text.isascii()


def test_tables_of_one_panel_say_that_they_have_no_standard_errors(reported):
    html = (reported.results / "report" / "tables" / "kp14_performance.html").read_text()
    assert "1 panel of 60 firms" in html
    assert "no standard errors" in html
    assert "(" not in re.search(r"<tbody>.*</tbody>", html, re.DOTALL)[0]


# --- what reruns, what is covered ----------------------------------------------------------------


ALL = {"bgn": [2, 0], "kp14": [0]}


@pytest.fixture
def report_copy(reported, tmp_path):
    shutil.copytree(reported.folder, tmp_path / "copy")
    return Workplace(reported.repository, tmp_path / "copy")


def test_report_reruns_what_a_change_touches_and_nothing_else(report_copy):
    assert report_copy.planned("report", panels=ALL) == set()
    # A finished panel of the same configuration stays in the report.
    assert report_copy.planned("report", panels={"bgn": [0], "kp14": [0]}) == set()
    jobs = report_copy.planned("report", panels={"bgn": [2, 0, 7], "kp14": [0]})
    assert "bundle_panel bgn_7" in jobs
    assert {job for job in jobs if "bgn_7" not in job} == {
        *("summarise_panels bgn 0", "tabulate_economy bgn", "draw_economy bgn", "write_report"),
    }


def test_panel_of_another_configuration_is_named_and_left_out(report_copy):
    manifest = report_copy.results / "bgn_2_manifest.json"
    content = json.loads(manifest.read_text())
    content["config"]["window"] = 30
    manifest.write_text(json.dumps(content))
    done = report_copy.snakemake("report", panels={"bgn": [0], "kp14": [0]}).succeeded()
    assert "summarised 1 panels" in done.text
    page = (report_copy.results / "report" / "report.html").read_text()
    assert "Panel bgn_2 is left out: another configuration, window = 30, not 36" in page
    assert set(table(report_copy, "bgn", "performance")["panels"]) == {1}


def test_finished_stores_of_the_empirical_track_are_part_of_the_page(report_copy):
    store = report_copy.results / "tidy" / "demo"
    (store / "figures").mkdir(parents=True)
    (store / "evaluation.csv").write_text(
        "factor,sample,intercept,r2\nsmb,all,1e-3,0.98\nhml,all,,0.97\n"
    )
    png = sorted((report_copy.results / "report" / "figures").glob("*.png"))[0]
    (store / "figures" / "fitted.png").write_bytes(png.read_bytes())
    report_copy.snakemake("report", panels=ALL).succeeded()
    page = (report_copy.results / "report" / "report.html").read_text()
    assert 'id="store-demo"' in page
    assert 'data-value="1e-3"' in page
    assert "Fitted, Store demo" in page
    assert "Store demo: R² of the published on the replicated factors: smb 0.980, hml 0.970" in page
    assert "no store is finished" not in page


def test_snakemakes_own_report_has_captions_and_categories(report_copy, tmp_path):
    target = tmp_path / "snakemake.html"
    report_copy.snakemake("report", "--report", str(target), panels=ALL).succeeded()
    text = target.read_text()
    for title in (*TABLES.values(), *FIGURES.values(), "Tables", "Figures"):
        assert title in text
    assert "fitted to the window of past" in text

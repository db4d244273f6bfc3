"""Methods as a user has them: her own file judged by real runs, reruns, failures, real panels."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from miniature import SHARED_SETTINGS, Workplace

from truepremia.files.formats import TableFile

OWN = """
import numpy as np
from helper import scale
from truepremia.methods import Factors


class Mine:
    def __init__(self, speed=1.0):
        self.speed = speed

    def form(self, known):
        g = known.ranks()
        market = np.full(len(g), 1 / max(len(g), 1))
        yield Factors(np.column_stack([scale * self.speed * g, market]), (*known.names, "mkt"))
"""
HELPER = "scale = 1.0\n"

OFF = dict.fromkeys(
    (
        *("taylor", "proj", "sorts25", "deciles", "managed", "pca"),
        *("rppca", "kns", "ipca", "dkkm", "ols"),
    ),
    False,
)


def shipped_methods() -> set[str]:
    import yaml
    from miniature import REPOSITORY

    return set(yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())["methods"])


@pytest.fixture
def place(workplace):
    """Return a finished run with the user's own method beside it."""
    (workplace.folder / "my_method.py").write_text(OWN)
    (workplace.folder / "helper.py").write_text(HELPER)
    return workplace


def settings(**more):
    off = {name: False for name in OFF if name in shipped_methods()}
    mine = {"file": "my_method.py", "class": "Mine", "options": {"speed": 2.0}}
    return {"methods": {**off, "mine": mine, **more}}


def judged(place: Workplace, method: str, panel: str = "bgn_0") -> dict[str, np.ndarray]:
    path = place.panel(panel) / "methods" / f"{method}_stats.parquet"
    return TableFile(path, f"{method}_stats", panel).read()


def ranking(place: Workplace) -> list[dict[str, str]]:
    with (place.results / "leaderboard" / "headline.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def board_page(place: Workplace) -> str:
    return (place.results / "leaderboard" / "leaderboard.html").read_text()


JOBS_OF_MINE = {f"judge_method bgn_{index} mine" for index in (0, 2)}


def test_a_file_of_ten_lines_is_judged_ranked_and_shown(place):
    place.snakemake("leaderboard", **settings()).succeeded()
    rows = ranking(place)
    assert {row["method"] for row in rows} == {"capm", "ff", "fm", "mine", "none"}
    own = next(row for row in rows if row["method"] == "mine")
    assert own["panels"] == "2"
    assert float(own["share s.e."]) > 0
    assert own["portfolio"] == "loo"
    board = place.results / "leaderboard"
    for file in ("leaderboard.csv", "paired.csv", "panels.csv", "leaderboard.tex"):
        assert "mine" in (board / file).read_text()
    assert "mine" in (board / "leaderboard.html").read_text()
    assert (board / "figures" / "share.png").stat().st_size > 10_000
    # The bundled methods in the laboratory are those of the bundle, to the bit.
    stored = TableFile(place.panel() / "fama_stats.parquet", "fama_stats", "bgn_0").read()
    for method in ("ff", "fm"):
        ours = judged(place, method)
        same, alpha = stored["method"] == method, ours["choice"] == "alpha"
        for name in ("month", "alpha", "stdev", "mean", "xret", "hjd"):
            np.testing.assert_array_equal(ours[name][alpha], stored[name][same])

    # The report takes the finished leaderboard as a chapter.
    place.snakemake("report", **settings()).succeeded()
    page = (place.results / "report" / "report.html").read_text()
    assert 'id="leaderboard"' in page

    # And now the changes: nothing, a comment, the file, what it imports, an option.
    def planned(**more):
        return place.planned("leaderboard", **settings(**more))

    assert planned() == set()
    mine, helper = place.folder / "my_method.py", place.folder / "helper.py"
    mine.write_text("# a comment\n" + OWN)
    helper.write_text('"""What it is."""\n' + HELPER)
    assert planned() == set()
    helper.write_text("scale = 2.0\n")
    assert planned() == JOBS_OF_MINE | {"leaderboard"}
    helper.write_text(HELPER)
    mine.write_text(OWN.replace("scale * self", "2 * scale * self"))
    assert planned() == JOBS_OF_MINE | {"leaderboard"}
    mine.write_text(OWN)
    other = {"file": "my_method.py", "class": "Mine", "options": {"speed": 3.0}}
    assert planned(mine=other) == JOBS_OF_MINE | {"leaderboard"}
    assert planned(capm=False) == {"leaderboard"}
    assert place.planned("all", **settings(mine=other)) == set()


def test_an_exception_ends_its_job_in_one_line_and_other_methods_go_on(place):
    (place.folder / "my_method.py").write_text(
        OWN.replace("        yield", "        1 / (known.month - 61)\n        yield")
    )
    said = place.snakemake(
        "leaderboard", "--keep-going", **{**settings(), "panels": {"bgn": [0]}}
    ).error()
    assert "mine on bgn_0: form in month 61 raised ZeroDivisionError" in said
    assert "my_method.py, line 14" in said
    assert (place.panel() / "methods" / "ff_stats.parquet").exists()
    assert (place.panel() / "methods" / "capm_stats.parquet").exists()
    assert not (place.panel() / "methods" / "mine_stats.parquet").exists()
    assert not (place.results / "leaderboard" / "headline.csv").exists()


def test_realised_statistics_of_an_exported_panel_agree_with_the_truth(place):
    """A simulated panel as if it were real: what is realised is the truth plus noise."""
    panel = TableFile(place.panel() / "panel.parquet", "panel", "bgn_0").read()
    wanted = ["month", "firmid", "xret", "mve", "size", "bm", "agr", "roe", "mom"]
    pd.DataFrame({name: panel[name] for name in wanted}).to_parquet(place.folder / "real.parquet")
    panels = {"bgn": [0], "mine": {"file": "real.parquet"}}
    place.snakemake("leaderboard", **{**settings(), "panels": panels}).succeeded()
    stats = judged(place, "capm")
    loo = stats["choice"] == "loo"
    truth = {name: stats[name][loo] for name in ("mean", "stdev", "xret")}
    row = next(r for r in ranking(place) if r["method"] == "capm" and r["economy"] == "mine")
    assert "no truth" in row["note"]
    assert not row["share"]
    realised, error = float(row["Sharpe"]), float(row["Sharpe s.e."])
    assert realised == pytest.approx(truth["xret"].mean() / truth["xret"].std(ddof=1), rel=1e-9)
    conditional = truth["mean"].mean() / np.sqrt(np.mean(truth["stdev"] ** 2))
    assert abs(realised - conditional) < 4 * error

    # Without a simulated panel beside it.
    alone = {"panels": {"bgn": 0, "mine": panels["mine"]}, "tidy": {"stores": {"demo": False}}}
    place.snakemake("leaderboard", **{**settings(), **alone}).succeeded()
    assert {r["economy"] for r in ranking(place)} == {"mine"}
    again = next(r for r in ranking(place) if r["method"] == "capm")
    assert (again["Sharpe"], again["Sharpe s.e."]) == (row["Sharpe"], row["Sharpe s.e."])
    assert pd.read_csv(place.results / "leaderboard" / "panels.csv").empty
    assert "What methods earned on real stocks" in board_page(place)
    assert "Share over time" not in board_page(place)
    place.snakemake("leaderboard", **{**settings(), "panels": {"bgn": [0]}}).succeeded()
    assert pd.read_csv(place.results / "leaderboard" / "realised.csv").empty
    assert "What methods earned on real stocks" not in board_page(place)
    assert "Share over time" in board_page(place)


def test_commands_check_and_judge_a_file(place):
    (place.folder / "my_method.py").write_text(OWN)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "truepremia", *arguments],
            cwd=place.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    done = run("check-method", "my_method.py:Mine")
    assert done.returncode == 0, done.stderr
    assert "every proof holds" in done.stdout
    for wrong in ("my_method.py", "none.py:Mine", "my_method.py:Yours"):
        failed = run("check-method", wrong)
        assert failed.returncode == 1
        assert failed.stderr.startswith("truepremia: error: ")
        assert len(failed.stderr.splitlines()) == 1
    # Chance that is not the panel's own: two runs never agree.
    cheat = OWN.replace("g = known.ranks()", "g = np.random.default_rng().random() + known.ranks()")
    (place.folder / "my_method.py").write_text(cheat)
    failed = run("check-method", "my_method.py:Mine")
    assert failed.returncode == 1
    assert "fails" in failed.stderr
    assert Path(SHARED_SETTINGS["results_dir"]).name == "out"

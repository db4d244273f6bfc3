"""What a run says beside its jobs: what it replaces, why a job runs, where to look."""

import json
import logging
import sys
from pathlib import Path

import pytest

from truepremia.economies.registry import ECONOMIES
from truepremia.files.formats import write_json
from truepremia.workflow import terminal
from truepremia.workflow.config import load_overlay
from truepremia.workflow.place import FROM
from truepremia.workflow.targets import Run

ROOT = Path(__file__).resolve().parents[2]


def run_of(folder: Path, **settings: object) -> Run:
    panels = dict.fromkeys(ECONOMIES, 0) | {"bgn": 2}
    run = Run(load_overlay({"panels": panels, **settings}, ROOT), ROOT)
    run.__dict__["folder"] = folder
    return run


def finish(run: Run, panel_id: str, **other: object) -> None:
    model, _, index = panel_id.rpartition("_")
    settings = run.settings("bundle_panel", {"model": model, "index": index})
    write_json(run.folder / f"{panel_id}_manifest.json", {"config": settings | other})


def test_a_run_says_which_finished_panels_it_would_replace_and_why(tmp_path):
    default = run_of(tmp_path)
    finish(default, "bgn_0")
    assert [*terminal.replaced(default)] == []
    (line,) = terminal.replaced(run_of(tmp_path, firms=200))
    assert line.startswith(f"{tmp_path} holds bgn_0 of other settings (firms = 1000, not 200): ")
    assert "results_dir" in line


def test_other_code_alone_replaces_without_a_word(tmp_path):
    run = run_of(tmp_path)
    finish(run, "bgn_0", code="of another day")
    assert [*terminal.replaced(run)] == []


def test_a_manifest_that_cannot_be_read_is_left_to_verify(tmp_path):
    (tmp_path / "bgn_0_manifest.json").write_text("{")
    assert [*terminal.replaced(run_of(tmp_path))] == []


def parameters(**settings: object) -> str:
    return json.dumps(settings, sort_keys=True)


def reason(before: str, now: str) -> str:
    said = "Params have changed since last execution: Union of exclusive params before and now"
    return f"{said} across all output: before: {before!r} now: {now!r}"


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"firms": 60}, {"firms": 50}, "Changed: firms = 50, was 60"),
        ({"code": "a 'b'", "x": 1}, {"code": "c 'd'", "x": 1}, "Changed: code"),
        (
            {"calibration": {"a": 1, "b": 2}},
            {"calibration": {"a": 1, "b": 3}},
            "Changed: calibration.b = 3, was 2",
        ),
    ],
)
def test_a_reason_names_the_settings_that_changed(before, now, said):
    assert terminal.short_reason(reason(parameters(**before), parameters(**now))) == said


def test_no_reason_is_longer_than_two_lines():
    files = "Input files updated by another job: " + ", ".join(f"file_{i}" for i in range(300))
    assert len(terminal.short_reason(files)) == terminal.LONGEST_REASON
    assert terminal.short_reason("Missing output files: a") == "Missing output files: a"


@pytest.mark.parametrize(
    ("target", "near"),
    [
        ("bng_7_fama.pkl", "results/bgn_7_fama.pkl"),
        ("results/kp41_0_manifest.json", "results/kp14_0_manifest.json"),
        ("results/panels/bgn_0/pannel.parquet", "results/panels/bgn_0/panel.parquet"),
        ("results/report/raport.html", "results/report/report.html"),
        ("leaderbord", "leaderboard"),
        ("zzzzzz", None),
    ],
)
def test_a_misspelt_target_brings_the_nearest_name(target, near, tmp_path):
    rules = ["all", "report", "leaderboard", "solve_economy"]
    assert terminal.nearest(target, run_of(tmp_path), rules) == near


def test_snakemakes_own_words_on_a_missing_rule_become_one_line(tmp_path):
    words = "MissingRuleException:\nNo rule to produce reprot (if you use input functions ...)."
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, words, None, None)
    assert terminal.Shortened(run_of(tmp_path), lambda: ["report"]).filter(record)
    assert (
        record.getMessage() == "truepremia: error: no rule makes 'reprot': did you mean 'report'?"
    )


def test_a_setting_among_targets_is_told_where_settings_go(tmp_path):
    words = "MissingRuleException:\nNo rule to produce months=480 (if you use input functions ...)."
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, words, None, None)
    terminal.Shortened(run_of(tmp_path), lambda: ["report"]).filter(record)
    assert "settings follow --config, as in --config months=480" in record.getMessage()


def test_the_last_lines_count_panels_beside_those_of_the_configuration(tmp_path):
    run = run_of(tmp_path)
    finish(run, "kp14_7")
    finish(run, "kp14_8")
    assert f"results: {tmp_path} (2 panels, kp14_7_fama.pkl first)" in [*terminal.farewell(run)]
    finish(run, "bgn_1")
    assert f"results: {tmp_path} (3 panels, bgn_1_fama.pkl first)" in [*terminal.farewell(run)]


def test_the_last_lines_say_where_results_are_and_what_to_do(tmp_path):
    run = run_of(tmp_path)
    finish(run, "bgn_1")
    lines = [*terminal.farewell(run)]
    assert lines[0] == f"results: {tmp_path} (1 panel, bgn_1_fama.pkl first)"
    assert "truepremia report" in lines[1]
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("")
    assert f"open {tmp_path / 'report' / 'report.html'}" in [*terminal.farewell(run)][1]


def test_a_leaderboard_without_bundles_names_its_page(tmp_path):
    run = run_of(tmp_path, panels={**dict.fromkeys(ECONOMIES, 0), "bgn": 1})
    assert list(terminal.farewell(run)) == [f"results: {tmp_path}"]
    (tmp_path / "leaderboard").mkdir()
    (tmp_path / "leaderboard" / "leaderboard.html").write_text("")
    assert list(terminal.farewell(run)) == [
        f"results: {tmp_path}",
        f"next: open {tmp_path / 'leaderboard' / 'leaderboard.html'}",
    ]


def test_a_run_of_real_stocks_alone_names_what_methods_earned(tmp_path):
    (tmp_path / "us.parquet").write_bytes(b"")
    real = {"us": {"file": str(tmp_path / "us.parquet")}}
    run = run_of(tmp_path, panels={**dict.fromkeys(ECONOMIES, 0), **real})
    assert [*terminal.farewell(run)] == [f"results: {tmp_path}"]
    (tmp_path / "leaderboard").mkdir()
    for file in ("realised.csv", "leaderboard.html"):
        (tmp_path / "leaderboard" / file).write_text("")
    assert [*terminal.farewell(run)] == [
        f"results: {tmp_path} (1 real panel, leaderboard/realised.csv first)",
        f"next: open {tmp_path / 'leaderboard' / 'leaderboard.html'}",
    ]
    both = run_of(tmp_path, panels={**dict.fromkeys(ECONOMIES, 0), "bgn": 2, **real})
    finish(both, "bgn_1")
    first, _ = terminal.farewell(both)
    assert first == f"results: {tmp_path} (1 panel, bgn_1_fama.pkl first)"


def test_the_next_command_has_the_settings_of_this_one(tmp_path):
    run = run_of(tmp_path)
    finish(run, "bgn_1")
    given = terminal.given_settings(
        [Path("my own.yaml")], {"firms": 60, "seed": "7", "panels": {"bgn": 1}, "tidy": None}
    )
    line = [*terminal.farewell(run, given)][1]
    assert line.endswith(
        "truepremia report --configfile 'my own.yaml' --config firms=60 seed=7 "
        "'panels={\"bgn\": 1}' tidy=null"
    )
    assert terminal.given_settings([], {}) == []


def test_paths_are_those_that_one_sees_from_where_the_command_was_given(tmp_path, monkeypatch):
    (tmp_path / "there is" / "deep").mkdir(parents=True)
    run = run_of(tmp_path / "there is" / "deep")
    finish(run, "bgn_1")
    monkeypatch.setenv(FROM, str(tmp_path))
    first, second = terminal.farewell(run)
    assert first.startswith("results: there is/deep (")
    assert second.startswith("next: truepremia show 'there is/deep/bgn_1_fama.pkl'; ")


def test_a_python_with_a_space_in_its_path_needs_the_warm_executor(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/home/my folder/.venv/bin/python")
    terminal.refuse_space("warm")
    with pytest.raises(SystemExit):
        terminal.refuse_space("local")
    assert "--executor warm" in capsys.readouterr().err

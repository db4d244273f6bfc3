"""Which panels may share a table, and what a report says about the others."""

import json

import pytest

from truepremia.economies.registry import economy
from truepremia.errors import DataError
from truepremia.report.gather import gather
from truepremia.report.page import uncovered
from truepremia.report.selection import finished_panels
from truepremia.report.shown import shown_methods
from truepremia.report.tables import performance

CONFIG = {
    **{"model": "bgn", "seed": 1, "firms": 60, "months": 84, "window": 36, "code": "a"},
    "calibration": {"survival": 0.99},
}


METHODS = shown_methods(("taylor", "proj"), {})


def summary(index, sharpe=0.2, **changes):
    row = {"method": "ff", "alpha": 0.0, "months": 48, "sharpe": sharpe}
    others = ("max_sharpe", "ratio", "hjd", "hjd_rms", "realised_distance", "mean", "stdev")
    return {
        "panel_id": f"bgn_{index}",
        "config": {**CONFIG, "index": str(index), **changes},
        "accuracy": {},
        "performance": [row | dict.fromkeys(others, 0.1)],
    }


def test_panels_of_one_configuration_are_gathered_in_order():
    panels = gather(economy("bgn"), [summary(10), summary(2), summary(0, code="b")], METHODS)
    assert panels.names == ("bgn_0", "bgn_2", "bgn_10")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"window": 24}, "window = 24, not 36"),
        ({"seed": 2}, "seed = 2, not 1"),
        ({"calibration": {"survival": 0.98}}, "calibration.survival = 0.98, not 0.99"),
    ],
    ids=["window", "seed", "calibration"],
)
def test_panels_of_different_configurations_are_refused_by_name(changes, named):
    with pytest.raises(DataError, match="bgn_1 has") as refused:
        gather(economy("bgn"), [summary(0), summary(1, **changes)], METHODS)
    assert named in str(refused.value)
    assert "results_dir" in str(refused.value)


def test_standard_error_is_that_of_the_mean_over_panels():
    panels = gather(economy("bgn"), [summary(0, 0.1), summary(1, 0.2), summary(2, 0.6)], METHODS)
    row = performance(panels).frame.iloc[0]
    assert row["panels"] == 3
    assert row["sharpe"] == pytest.approx(0.3)
    assert row["sharpe s.e."] == pytest.approx(0.26457513110645906 / 3**0.5)


def test_number_that_one_panel_lacks_is_averaged_over_the_others():
    panels = gather(economy("bgn"), [summary(0, 0.1), summary(1, None), summary(2, 0.3)], METHODS)
    row = performance(panels).frame.iloc[0]
    assert row["sharpe"] == pytest.approx(0.2)
    assert row["sharpe s.e."] == pytest.approx(0.1)


def test_number_that_no_panel_has_is_missing():
    row = performance(gather(economy("bgn"), [summary(0, None)], METHODS)).frame.iloc[0]
    assert row[["sharpe", "sharpe s.e."]].isna().all()


def test_finished_panels_join_if_their_configuration_is_the_same(tmp_path):
    for index, window in ((0, 36), (1, 36), (2, 24)):
        config = {**CONFIG, "index": str(index), "window": window}
        (tmp_path / f"bgn_{index}_manifest.json").write_text(json.dumps({"config": config}))
    (tmp_path / "other_0_manifest.json").write_text(json.dumps({"config": {}}))
    (tmp_path / "bgn_3_manifest.json").write_text("{")
    copy = {"panel_id": "bgn_1", "config": {**CONFIG, "index": "1"}}
    (tmp_path / "bgn_4_manifest.json").write_text(json.dumps(copy))
    wanted = {"bgn_0": CONFIG, "bgn_1": CONFIG, "bgn_2": CONFIG, "bgn_4": CONFIG}
    included, left_out = finished_panels(tmp_path, ["bgn_0", "bgn_9"], wanted.get)
    assert included == ["bgn_0", "bgn_9", "bgn_1"]
    assert left_out == {
        "bgn_2": "another configuration, window = 24, not 36",
        "bgn_3": "its manifest cannot be read",
        "bgn_4": "its manifest is that of bgn_1",
        "other_0": "it is no panel of a configured economy",
    }


def test_what_a_report_lacks_is_said():
    lines = uncovered(["bgn"], ["gs21"], {"bgn_2": "another configuration"}, [])
    assert any("(kp14): no panel is configured" in line for line in lines)
    assert not any("(gs21)" in line for line in lines)  # its panels are 0: nobody misses it
    assert "Panel bgn_2 is left out: another configuration" in lines
    assert lines[-1] == "Empirical track: no store is finished"

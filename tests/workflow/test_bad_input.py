"""Mistakes of a user: one line, nothing built."""

import pytest
import yaml

MISTAKES = {
    "unknown economy": (
        {"panels": {"bgn": 0, "bng": 1}},
        ["unknown economy 'bng' in panels", "did you mean 'bgn'?"],
    ),
    "no month with statistics": (
        {"months": 36},
        ["months is 36", "window is 36", "months must be at least window + 1 = 37"],
    ),
    "unknown key": ({"mounths": 84}, ["unknown key 'mounths'", "did you mean 'months'?"]),
    "negative penalty": ({"alphas": [0, -0.5]}, ["alphas[1] is -0.5"]),
    "panel listed twice": ({"panels": {"bgn": [1, 1]}}, ["panels.bgn is [1, 1]", "1 twice"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_the_configuration_ends_in_one_line_and_builds_nothing(empty_workplace, mistake):
    settings, phrases = MISTAKES[mistake]
    error = empty_workplace.snakemake(**settings).error()
    assert [phrase for phrase in phrases if phrase not in error] == []
    assert empty_workplace.entries() == set()


def test_wrong_type_on_the_command_line_ends_in_one_line_and_builds_nothing(empty_workplace):
    error = empty_workplace.command("--cores", "1", "--config", "firms=abc").error()
    assert 'firms is "abc"' in error
    assert "integer" in error
    assert empty_workplace.entries() == set()


def test_diverging_calibration_ends_in_one_line_and_builds_nothing(empty_workplace, tmp_path):
    shipped = empty_workplace.repository / "config" / "economies" / "bgn.yaml"
    calibration = yaml.safe_load(shipped.read_text())
    calibration["rate_volatility"]["value"] = 0.01
    own = tmp_path / "diverging.yaml"
    own.write_text(yaml.safe_dump(calibration))
    error = empty_workplace.snakemake(economies={"bgn": str(own)}).error()
    assert str(own) in error
    assert "growth options diverge" in error
    assert "raise mean_rate" in error
    assert empty_workplace.entries() == set()


def test_results_folder_that_is_a_file_is_refused_and_left_alone(empty_workplace):
    empty_workplace.results.write_text("precious")
    error = empty_workplace.snakemake().error()
    assert f"{empty_workplace.results} is a file" in error
    assert empty_workplace.results.read_text() == "precious"
    assert empty_workplace.entries() == {empty_workplace.results.name}


def test_dry_run_reports_the_same_mistakes(empty_workplace):
    error = empty_workplace.snakemake("--dry-run", firms=1).error()
    assert "firms is 1" in error

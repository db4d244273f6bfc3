import copy
import os
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError
from truepremia.panel import Size
from truepremia.workflow.config import RunConfig, load_config, load_config_file
from truepremia.workflow.documents import read_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
CALIBRATION = yaml.safe_load((ROOT / "config/economies/bgn.yaml").read_text())
REMOVED = "<missing>"  # text: object() would give every test process other test names


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(**changes) -> RunConfig:
    config = {**copy.deepcopy(SHIPPED), **changes}
    return load_config({k: v for k, v in config.items() if v is not REMOVED}, ROOT)


def message(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**changes)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def calibrated(folder: Path, text: str | None = None, **changes) -> dict:
    """Return the economies key for a calibration that differs from the shipped one."""
    file = folder / "calibration.yaml"
    content = {k: v for k, v in {**CALIBRATION, **changes}.items() if v is not REMOVED}
    file.write_text(yaml.safe_dump(content) if text is None else text)
    return {"bgn": str(file)}


def entry(value, **changes) -> dict:
    content = {"value": value, "unit": "u", "meaning": "m", "source": "s", **changes}
    return {k: v for k, v in content.items() if v is not REMOVED}


# --- the shipped files -------------------------------------------------------------------------


def test_shipped_configuration_is_valid_and_typed():
    config = load_config_file(ROOT / "config/config.yaml")
    assert config.size == Size(firms=1000, months=720, burnin=300)
    assert config.seed == 20260101
    assert config.window == 360
    assert config.panels == dict.fromkeys(ECONOMIES, (0,))
    assert config.panel_ids() == [f"{name}_0" for name in ECONOMIES]
    assert config.alphas == (0.0, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 1.0)
    assert (config.empty_cells, config.model_factor_weights) == ("balanced", "ols")
    assert (config.undefined_growth, config.results_dir) == ("zero", "results")
    files = {name: ROOT / f"config/economies/{name}.yaml" for name in ECONOMIES}
    assert config.calibration_files == files
    assert config.calibrations["bgn"] == {k: v["value"] for k, v in CALIBRATION.items()}


def test_miniature_overlay_is_valid_and_leaves_the_real_results_alone():
    config = load_config_file(ROOT / "config/test.yaml")
    assert config.size == Size(firms=60, months=84, burnin=40)
    assert (config.window, config.alphas, config.results_dir) == (36, (0.0, 0.01), "results-test")
    assert config.seed == SHIPPED["seed"]


def test_overlay_is_merged_as_snakemake_merges_it(working_folder):
    from snakemake.utils import update_config

    overlay = {"panels": {"bgn": [4]}, "alphas": [1], "economies": {}}
    (working_folder / "mine.yaml").write_text(yaml.safe_dump(overlay))
    merged = copy.deepcopy(SHIPPED)
    update_config(merged, overlay)
    assert load_config_file(working_folder / "mine.yaml", ROOT) == load_config(merged, ROOT)


def test_every_economy_of_the_registry_has_a_valid_shipped_calibration():
    assert set(load().calibrations) == set(ECONOMIES) == set(SHIPPED["economies"])


def test_volatility_width_is_three_tenths_of_log_cash_flow():
    values = load().calibrations["bgn"]
    assert values["volatility_width"] == pytest.approx(0.3 * abs(values["log_cash_flow"]))


METHOD_KEYS = {"kind", "file", "class", "options", "megabytes", "minutes"}


def closes_every_mapping_with_fixed_keys(schema) -> bool:
    if isinstance(schema, list):
        return all(map(closes_every_mapping_with_fixed_keys, schema))
    if not isinstance(schema, dict):
        return True
    fixed = "properties" in schema or "patternProperties" in schema
    # Options of a method stand beside its kind: the registry of methods knows them.
    open_on_purpose = set(schema.get("properties", {})) == METHOD_KEYS
    closed = schema.get("additionalProperties") is False or not fixed or open_on_purpose
    return closed and all(map(closes_every_mapping_with_fixed_keys, schema.values()))


@pytest.mark.parametrize("name", ["config", "calibration"])
def test_schemas_are_valid_and_admit_no_unknown_key(name):
    schema = read_yaml(ROOT / f"config/schemas/{name}.schema.yaml")
    Draft202012Validator.check_schema(schema)
    assert closes_every_mapping_with_fixed_keys(schema)


def test_every_key_stands_in_the_configuration_the_schema_and_the_table():
    schema = read_yaml(ROOT / "config/schemas/config.schema.yaml")
    table = (ROOT / "config/README.md").read_text()
    assert set(SHIPPED) == set(schema["properties"]) == set(schema["required"])
    assert all(f"\n| `{key}` | " in table for key in SHIPPED)


# --- good input takes one normal form ----------------------------------------------------------


def test_alphas_are_put_in_ascending_order():
    config = load(alphas=[1, 0.01, -0.0])
    assert config.alphas == (0.0, 0.01, 1.0)
    assert str(config.alphas[0]) == "0.0"
    assert all(isinstance(alpha, float) for alpha in config.alphas)


@pytest.mark.parametrize(
    ("panels", "identifiers"),
    [
        ({"bgn": 3}, ["bgn_0", "bgn_1", "bgn_2"]),
        ({"bgn": [7, 2]}, ["bgn_2", "bgn_7"]),
        ({"bgn": 1.0}, ["bgn_0"]),
    ],
)
def test_panels_are_counted_from_zero_or_listed(panels, identifiers):
    assert load(panels=panels).panel_ids() == identifiers


def test_an_economy_is_switched_off_by_0_or_an_empty_list_and_not_by_silence():
    config = load(panels={"bgn": 1, "kp14": 0, "gs21": []})
    assert config.switched_off == ("kp14", "gs21")


def test_whole_numbers_written_with_a_point_are_integers():
    config = load(firms=200.0)
    assert config == load(firms=200)
    assert isinstance(config.size.firms, int)


def test_nan_policy_given_on_the_command_line_is_text():
    assert load(undefined_growth=float("nan")).undefined_growth == "nan"


@pytest.mark.parametrize(
    ("spelt", "normal"),
    [("results/", "results"), ("./a//b", "a/b"), ("a/../b", "b"), ("../elsewhere", "../elsewhere")],
)
def test_results_folder_has_one_spelling(spelt, normal):
    assert load(results_dir=spelt).results_dir == normal


def test_loading_creates_nothing(working_folder):
    load(results_dir="new/results")
    assert list(working_folder.iterdir()) == []


def test_relative_calibration_starts_at_the_repository_not_at_the_working_folder():
    only = {"bgn": "config/economies/bgn.yaml"}
    file = load(panels={"bgn": 1}, economies=only).calibration_files["bgn"]
    assert file == ROOT / "config/economies/bgn.yaml"


def test_shortest_panel_with_statistics_is_one_month_longer_than_the_window():
    assert load(months=361, window=360).size.months == 361


# --- bad input: value, rule and remedy in one line ---------------------------------------------

BAD_VALUES = [
    ({"seed": -1}, ["seed is -1", "at least 0"]),
    ({"seed": 1.5}, ["seed is 1.5", "must be an integer"]),
    ({"seed": True}, ["seed is true", "must be an integer"]),
    ({"seed": REMOVED}, ["key 'seed' is missing", "add it"]),
    ({"firms": -5}, ["firms is -5", "at least 2", "for example 1000"]),
    ({"firms": 1}, ["firms is 1:", "at least 2"]),
    ({"firms": "abc"}, ['firms is "abc"', "must be an integer"]),
    ({"firms": "200"}, ['firms is "200"', "a number in quotes is text"]),
    ({"panels": {"bgn:1": ""}}, ["YAML reads 'bgn:1' as one word", "space after the colon"]),
    ({"economies": {"bgn:x.yaml": None}}, ["YAML reads 'bgn:x.yaml' as one word"]),
    ({"firms": None}, ["firms is null", "must be an integer"]),
    ({"firms": 99.5}, ["firms is 99.5", "must be an integer"]),
    ({"firms": float("inf")}, ['firms is "inf"', "must be an integer"]),
    ({"months": -720}, ["months is -720", "must be an integer"]),
    ({"months": False}, ["months is false", "must be an integer"]),
    ({"months": 360}, ["months is 360", "statistics impossible", "window + 1 = 361"]),
    ({"months": 100}, ["months is 100", "at least window + 1 = 361", "lower window"]),
    ({"burnin": 12}, ["burnin is 12", "at least 13"]),
    ({"window": 1}, ["window is 1:", "at least 2"]),
    ({"undefined_growth": "drop"}, ['undefined_growth is "drop"', "zero or nan"]),
    ({"empty_cells": "skip"}, ['empty_cells is "skip"', "balanced or zero"]),
    ({"model_factor_weights": True}, ["model_factor_weights is true", "ols or value"]),
    ({"alphas": []}, ["alphas is []", "one or more", "for example [0, 0.01, 1]"]),
    ({"alphas": 0.1}, ["alphas is 0.1", "must be a list"]),
    ({"alphas": [0, -0.1]}, ["alphas[1] is -0.1", "at least 0"]),
    ({"alphas": [0, "1e-4"]}, ['alphas[1] is "1e-4"', "write 1.0e-4"]),
    ({"alphas": [float("nan")]}, ['alphas[0] is "nan"', "finite number"]),
    ({"alphas": [float("inf")]}, ['alphas[0] is "inf"', "finite number"]),
    ({"alphas": [10**400]}, ["alphas[0] is", "finite number"]),
    ({"alphas": [True]}, ["alphas[0] is true", "finite number"]),
    ({"alphas": [0.1, 0, 0.1]}, ["alphas is [0.1, 0, 0.1]", "lists 0.1 twice", "once"]),
    ({"alphas": [0, 1, 1.0]}, ["alphas is [0, 1, 1.0]", "twice", "list every value once"]),
    ({"panels": None}, ["panels is null", "for example {bgn: 1}"]),
    ({"panels": 3}, ["panels is 3", "for example {bgn: 1}"]),
    ({"panels": {}}, ["panels is {}", "nothing to build", "panels: {bgn: 1}"]),
    ({"panels": {"bgn": 0}}, ['panels is {"bgn": 0}', "nothing to build", "panels: {bgn: 1}"]),
    ({"panels": {"bgn": []}}, ["nothing to build", "panels: {bgn: 1}"]),
    ({"panels": {"bgn": -1}}, ["panels.bgn is -1", "from 0 to 100000"]),
    ({"panels": {"bgn": 10**9}}, ["panels.bgn is 1000000000", "from 0 to 100000"]),
    ({"panels": {"bgn": "2"}}, ['panels.bgn is "2"', "--configfile"]),
    ({"panels": {"bgn": True}}, ["panels.bgn is true", "a number of panels"]),
    ({"panels": {"bgn": [0, -3]}}, ["panels.bgn[1] is -3", "at least 0"]),
    ({"panels": {"bgn": [0.5]}}, ["panels.bgn[0] is 0.5", "an integer"]),
    ({"panels": {"bgn": [3, 1, 3]}}, ["panels.bgn is [3, 1, 3]", "lists 3 twice", "once"]),
    ({"panels": {"bng": 1}}, ["unknown economy 'bng' in panels", "did you mean 'bgn'?"]),
    ({"panels": {"BGN": 1}}, ["unknown economy 'BGN'", "did you mean 'bgn'?"]),
    ({"panels": {"xyz": 1}}, ["unknown economy 'xyz'", "must be one of bgn"]),
    ({"panels": {1: 1}}, ["unknown economy '1'", "must be one of bgn"]),
    ({"economies": {}}, ["panels asks for bgn", "economies: {bgn: config/economies/bgn.yaml}"]),
    ({"economies": {"bgn": 3}}, ["economies.bgn is 3", "path of a calibration file"]),
    ({"economies": {"bgn": ""}}, ['economies.bgn is ""', "path of a calibration file"]),
    ({"economies": "x.yaml"}, ['economies is "x.yaml"', "mapping of economies"]),
    (
        {"economies": {**SHIPPED["economies"], "kp41": "x.yaml"}},
        ["unknown economy 'kp41' in economies", "did you mean 'kp14'?"],
    ),
    ({"economies": {"bgn": "nowhere.yaml"}}, ["economies.bgn", "nowhere.yaml", "no such file"]),
    ({"economies": {"bgn": "config"}}, ["economies.bgn", "it is a folder", "name a regular file"]),
    ({"results_dir": ""}, ['results_dir is ""', "for example results"]),
    ({"results_dir": "my results"}, ['results_dir is "my results"', "letters, digits"]),
    ({"results_dir": "results\n"}, ["results_dir is", "letters, digits"]),
    ({"results_dir": "{model}"}, ['results_dir is "{model}"', "letters, digits"]),
    ({"results_dir": "a" * 201}, ["results_dir is", "at most 200"]),
    ({"results_dir": 2026}, ["results_dir is 2026", "path of a folder"]),
    ({"results_dir": "."}, ['results_dir is "."', "must not be the working folder"]),
    ({"results_dir": "//"}, ['results_dir is "//"', "must not be the working folder"]),
    ({"results_dir": "a/../.."}, ['results_dir is "a/../.."', "must not be the working folder"]),
    ({"keep_panels": "false"}, ["must be true or false", "write True or False"]),
    ({"firm": 200}, ["unknown key 'firm'", "did you mean 'firms'?"]),
    ({"Window": 200}, ["unknown key 'Window'", "did you mean 'window'?"]),
    ({"zzz": 200}, ["unknown key 'zzz'", "must be one of", "results_dir"]),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_VALUES, ids=lambda v: str(v)[:40])
def test_bad_value_is_named_with_its_rule_and_remedy(changes, expected):
    text = message(**changes)
    assert [part for part in expected if part not in text] == []


def test_one_fault_is_reported_once():
    assert message(firms=1.5) == (
        "firms is 1.5: must be an integer of at least 2 (one firm cannot be sorted), "
        "for example 1000"
    )


def test_all_faults_are_reported_at_once(working_folder):
    text = message(
        seed="x",
        firms=-1,
        months=50,
        burnin=REMOVED,
        alphas=[-1, "a", 2, 2],
        panels={"bng": 1, "bgn": [0, -2]},
        economies=calibrated(working_folder, survival=entry(1.5)),
        results_dir="a b",
        widnow=1,
    )
    for fault in (
        'seed is "x"',
        "firms is -1",
        "months is 50, window is 360",
        "'burnin' is missing",
        "alphas[0] is -1",
        'alphas[1] is "a"',
        "lists 2 twice",
        "unknown economy 'bng'",
        "panels.bgn[1] is -2",
        "survival is 1.5",
        'results_dir is "a b"',
        "unknown key 'widnow': did you mean 'window'?",
    ):
        assert fault in text


def test_remedy_for_numbers_that_came_as_text_is_given_once():
    text = message(alphas=["0", "0.1"], firms="60")
    assert text.count("use --configfile") == 1
    assert all(part in text for part in ('alphas[0] is "0"', 'alphas[1] is "0.1"', 'is "60"'))


def test_a_long_value_is_cut_in_the_message():
    text = message(firms="x" * 1000)
    assert 'firms is "xxx' in text
    assert len(text) < 250


def test_results_folder_must_not_be_a_file(working_folder):
    (working_folder / "taken").touch()
    for folder in ("taken", "taken/below"):
        text = message(results_dir=folder)
        assert f'results_dir is "{folder}"' in text
        assert f"{working_folder / 'taken'} is a file; remove it" in text


def test_results_folder_must_be_writable(working_folder, monkeypatch):
    # Permissions do not bind root, who may well run the tests.
    reachable = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: mode == os.F_OK and reachable(p, mode))
    text = message(results_dir="new/results")
    assert 'results_dir is "new/results"' in text
    assert f"{working_folder} is not writable; change its permissions" in text


# --- bad calibrations --------------------------------------------------------------------------

BAD_CALIBRATIONS = [
    ({"survival": entry(1.5)}, ["survival is 1.5", "between 0 and 1"]),
    ({"adoption_at_zero_rate": entry(0)}, ["adoption_at_zero_rate is 0", "between 0 and 1"]),
    ({"rate_volatility": entry(-0.002)}, ["rate_volatility is -0.002", "positive"]),
    ({"rate_volatility": entry(0.01)}, ["yield of a perpetual bond", "growth options diverge"]),
    ({"survival": entry("high")}, ["survival is 'high'", "finite number"]),
    ({"survival": entry("1e-3")}, ['survival.value is "1e-3"', "write 1.0e-3"]),
    ({"survival": entry(True)}, ["survival.value is true", "finite number"]),
    ({"survival": entry(float("nan"))}, ["survival", "nan", "finite number"]),
    ({"survival": REMOVED}, ["parameter 'survival' is missing"]),
    ({"survivl": CALIBRATION["survival"]}, ["'survivl'", "did you mean 'survival'?"]),
    ({"survival": 0.99}, ["survival is 0.99", "{value: ..., unit: ..."]),
    ({"survival": entry(0.99, unit=REMOVED)}, ["'unit' is missing in survival", "add it"]),
    ({"survival": entry(0.99, unit=1)}, ["survival.unit is 1", "must be text"]),
    ({"survival": entry(0.99, source="")}, ['survival.source is ""', "must be text"]),
    (
        {"survival": entry(0.99, meening="m")},
        ["unknown key 'meening' in survival", "did you mean 'meaning'?"],
    ),
    ({"Survival Rate": entry(0.99)}, ["Survival Rate", "snake_case"]),
]


@pytest.mark.parametrize(("changes", "expected"), BAD_CALIBRATIONS, ids=lambda v: str(v)[:40])
def test_bad_calibration_is_refused_before_any_work(working_folder, changes, expected):
    text = message(economies=calibrated(working_folder, **changes))
    expected = [*expected, "economies.bgn", "calibration.yaml"]
    assert [part for part in expected if part not in text] == []


BAD_FILES = [
    ("", ["content is null", "must be a mapping"]),
    ("{}", ["content is {}", "must be a mapping"]),
    ("- 1", ["content is [1]", "must be a mapping"]),
    ("survival: {value: 1", ["line 1", "correct the YAML"]),
    ("a:\n  value: 1\n  value: 2\n", ["line 3", "'value' appears twice", "correct the YAML"]),
    ("a: 1\nb: 2\na: 3\n", ["line 3", "'a' appears twice", "correct the YAML"]),
    ("a: \x07", ["not YAML", "correct the file"]),
    ("a: 2026-13-45", ["not YAML", "correct the file"]),
    ("? [1]\n: 2", ["unhashable", "correct the YAML"]),
]


@pytest.mark.parametrize(("text", "expected"), BAD_FILES)
def test_bad_calibration_file_is_named_with_the_line(working_folder, text, expected):
    found = message(economies=calibrated(working_folder, text))
    expected = [*expected, "economies.bgn", "calibration.yaml"]
    assert [part for part in expected if part not in found] == []


def test_calibration_that_is_not_text_is_refused(working_folder):
    (working_folder / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    text = message(economies={"bgn": str(working_folder / "binary.yaml")})
    assert "not text in UTF-8" in text


def test_calibration_of_an_economy_without_panels_is_checked_too(working_folder):
    text = message(panels={"bgn": 0}, economies=calibrated(working_folder, survival=entry(2)))
    assert "nothing to build" in text
    assert "survival is 2" in text


# --- configuration files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("firms: 5\nfirms: 6\n", ["mine.yaml", "line 2", "'firms' appears twice"]),
        ("", ["mine.yaml", "content is null", "must be a mapping"]),
        ("firms: [", ["mine.yaml", "line 1", "correct the YAML"]),
        ("firms: 0", ["firms is 0", "at least 2"]),
    ],
)
def test_bad_configuration_file_is_refused(working_folder, text, expected):
    (working_folder / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config_file(working_folder / "mine.yaml", ROOT)
    assert [part for part in expected if part not in str(caught.value)] == []


def test_configuration_file_outside_a_repository_needs_the_repository(working_folder):
    (working_folder / "mine.yaml").write_text("firms: 5")
    with pytest.raises(ConfigError, match="pass root="):
        load_config_file(working_folder / "mine.yaml")


def test_missing_configuration_file_is_named(working_folder):
    with pytest.raises(ConfigError, match=r"absent\.yaml: there is no such file"):
        load_config_file(working_folder / "absent.yaml", ROOT)

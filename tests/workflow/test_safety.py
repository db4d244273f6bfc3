"""Nothing in a configuration, a name or a path is ever run, and nothing is fetched."""

import subprocess

import pytest
import yaml
from miniature import REPOSITORY, RESULTS, Workplace, copy_repository
from slurm_cluster import refuse

from truepremia.errors import ConfigError
from truepremia.files.results import PARTS_OF_RESULTS
from truepremia.workflow.config import load_config
from truepremia.workflow.documents import read_yaml

HOSTILE = (
    *("a b", "it's", 'say "x"', "two\nlines", "tab\there", "$(touch pwned)", "`touch pwned`"),
    *("a;touch pwned", "a|touch pwned", "a&touch pwned", "{config}", "{model}_{index}", "a*", "~"),
    *("$HOME", "\\", "\x00", "ä", "#", "a>pwned"),
)
PANEL = {"bgn": [0]}


def message(**changes) -> str:
    """Return the message of the configuration with ``changes``."""
    shipped = read_yaml(REPOSITORY / "config" / "config.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config(shipped | changes, REPOSITORY)
    return str(caught.value)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_results_folder_is_made_of_harmless_characters(name):
    assert "letters, digits" in message(results_dir=name)


@pytest.mark.parametrize("name", ["..", "a/../../..", "/"])
def test_results_folder_holds_neither_the_working_folder_nor_the_disk(name):
    assert "must not be the working folder" in message(results_dir=name)


@pytest.mark.parametrize("name", [*HOSTILE, "..", "bgn_0", "../bgn"], ids=ascii)
def test_economy_is_one_of_the_registry(name):
    assert "unknown economy" in message(panels={name: 1})


@pytest.mark.parametrize("index", [*HOSTILE, "0", "..", -1, 0.5, True, None], ids=ascii)
def test_panel_index_is_an_integer(index):
    assert "panel index" in message(panels={"bgn": [index]})


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_calibration_path_is_a_name_and_no_command(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert "economies.bgn" in message(economies={"bgn": str(tmp_path / name)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system"])
def test_yaml_makes_no_python_objects(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(f"firms: {tag} ['touch pwned']\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_yaml(tmp_path / "c.yaml")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("loop", "loop is a link that leads nowhere"),
        ("nowhere/results", "nowhere is a link that leads nowhere"),
        ("here", "must not be the working folder"),
        ("elsewhere/../results", ".. after a link leads to two places"),
        ("-results", "commands take it for an option"),
        ("./-results", "commands take it for an option"),
        (".snakemake/results", "the engine's own"),
    ],
)
def test_results_folder_is_where_its_name_says(tmp_path, monkeypatch, folder, reason):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    links = {"loop": "loop", "nowhere": "gone", "here": ".", "elsewhere": "far/deep"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    assert reason in message(results_dir=folder)
    shipped = read_yaml(REPOSITORY / "config" / "config.yaml")
    assert load_config(shipped | {"results_dir": "elsewhere/results"}, REPOSITORY)


@pytest.mark.parametrize("part", PARTS_OF_RESULTS)
def test_parts_of_results_are_folders(tmp_path, monkeypatch, part):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / part).symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    assert f"{part} is no folder" in message()


@pytest.mark.parametrize("executor", ["local", "warm"])
def test_run_in_folders_with_hostile_names_is_a_run_like_any_other(finished, tmp_path, executor):
    name = 'it\'s "a" $(touch pwned); `touch pwned` & {x}'
    place = Workplace(finished.repository, tmp_path / name)
    place.folder.mkdir()
    shipped = place.repository / "config" / "economies" / "bgn.yaml"
    calibration = tmp_path / f"{name}.calibration"
    calibration.write_bytes(shipped.read_bytes())
    target = f"{place.results.name}/bgn_0_fama.pkl"
    own = {"bgn": str(calibration)}
    place.snakemake(target, "--executor", executor, panels=PANEL, economies=own).succeeded()
    made = place.digests()
    assert made.items() <= finished.digests().items()
    assert "bgn_0_fama.pkl" in made
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("panel", ["bgn_0;touch pwned", "bgn_$(touch pwned)", "bgn_00", "x_0"])
def test_target_that_is_no_panel_is_refused(workplace, panel):
    done = workplace.snakemake(f"{workplace.results.name}/{panel}_fama.pkl")
    assert done.error().startswith("no rule makes ")
    assert not list(workplace.folder.rglob("pwned"))


def test_run_needs_no_network(finished, empty_workplace):
    place = empty_workplace
    own = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        refuse("cannot take the network away from a process")
    target = f"{place.results.name}/bgn_0_fama.pkl"
    place.command(*place.arguments(target, panels=PANEL), before=own).succeeded()
    assert place.digests().items() <= finished.digests().items()


def test_configuration_of_these_tests_is_valid_without_the_hostile_part():
    load_config(yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text()), REPOSITORY)


def test_a_repository_may_lie_in_a_folder_of_any_name(finished, tmp_path):
    parent = tmp_path / "it's {x} 100% {{é}}"
    parent.mkdir()
    repository = copy_repository(finished.repository, parent / "here")
    place = Workplace(repository, tmp_path / "work")
    place.folder.mkdir()
    place.snakemake(f"{RESULTS}/solutions/bgn.npz", "--executor", "warm").succeeded()
    planned = place.planned(f"{RESULTS}/solutions/bgn.npz")
    assert planned == set(), "what was recorded of the job is not found again"

"""Economies outside of the repository: found, described, checked, digested and forgotten."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import truepremia as tp
from truepremia.commands.cli import main
from truepremia.commands.new_economy import SKELETON, new_economy
from truepremia.commands.test_economy import _overlay, _try
from truepremia.economies.own import own_economy, use_own
from truepremia.economies.registry import ECONOMIES, SHIPPED
from truepremia.errors import ConfigError
from truepremia.files.frames import TIDY
from truepremia.files.provenance import folder_digest
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams
from truepremia.workflow.config import load_config_file
from truepremia.workflow.stages import Workflow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def forgotten():
    """Leave the registry as it was."""
    yield
    use_own({})
    assert set(ECONOMIES) == set(SHIPPED)


@pytest.fixture
def mine(tmp_path):
    """A configuration with an economy of one's own, as ``new-economy`` writes it."""
    folder = tmp_path / 'my "a", {b}: c'
    lines = new_economy("ccapm", folder)
    (folder / "mine.yaml").write_text("\n".join(lines))
    return folder


def stages(folder: Path) -> Workflow:
    return Workflow(load_config_file(folder / "mine.yaml", ROOT), ROOT)


def parameter(workflow: Workflow, rule: str, **wildcards: str) -> str:
    return workflow.parameter(rule)(wildcards)


def test_a_new_economy_simulates_and_prices_itself(mine):
    economy = own_economy("ccapm", mine / "ccapm")
    values = {k: v["value"] for k, v in yaml.safe_load((mine / "ccapm.yaml").read_text()).items()}
    solution = economy.solve(economy.parameters(values))
    simulation = economy.simulate(solution, Size(30, 20, 15), Streams(1, "ccapm", 0))
    panel = Panel.collect(economy.layout, simulation)
    (*_, state) = economy.states(solution, panel.aggregates, panel.states, 30)
    assert np.abs(economy.euler_errors(solution, state)).max() < 1e-13
    assert economy.moments(solution, state).max_sharpe() < solution.diagnostics["sharpe_bound"]
    assert economy.columns("panel")["beta"].unit == "ratio"
    assert not economy.has("census")
    assert economy.has("certificate")


@pytest.mark.parametrize("name", ["on", "true", "null", "no"])
def test_a_name_that_yaml_takes_for_no_text_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="YAML takes it for no text"):
        new_economy(name, tmp_path)


def test_the_skeleton_is_short():
    code = [line for file in SKELETON.glob("*.py") for line in file.read_text().splitlines()]
    assert len([line for line in code if line.strip()]) < 220


def test_the_configuration_registers_its_own_economies_and_no_others(mine):
    config = load_config_file(mine / "mine.yaml", ROOT)
    assert config.panels["ccapm"] == (0,)
    assert config.own_economies == {"ccapm": mine / "ccapm"}
    assert list(ECONOMIES) == [*SHIPPED, "ccapm"]
    load_config_file(ROOT / "config/test.yaml")
    assert list(ECONOMIES) == list(SHIPPED)


def test_its_stages_know_the_package_and_rerun_with_any_of_its_files(mine):
    before = parameter(stages(mine), "simulate_panel", model="ccapm", index="0")
    assert json.loads(before)["packages"] == {"ccapm": str(mine / "ccapm")}
    shipped = parameter(stages(mine), "simulate_panel", model="bgn", index="0")
    assert "packages" not in json.loads(shipped)
    # Digests of files are kept while a process lives: the changed package stands elsewhere.
    changed = mine / "changed" / "ccapm"
    shutil.copytree(mine / "ccapm", changed)
    text = (changed / "simulation.py").read_text()
    (changed / "simulation.py").write_text(text.replace("0.8 *", "0.7 *"))
    overlay = yaml.safe_load((mine / "mine.yaml").read_text())
    overlay["economies"]["ccapm"]["package"] = str(changed)
    (mine / "mine.yaml").write_text(yaml.safe_dump(overlay))
    after = parameter(stages(mine), "simulate_panel", model="ccapm", index="0")
    assert json.loads(before)["code"] != json.loads(after)["code"]
    assert shipped == parameter(stages(mine), "simulate_panel", model="bgn", index="0")


@pytest.mark.parametrize("file", ["tables/spread.py", "gamma.csv", "tables/deep/gamma.npy"])
def test_files_anywhere_in_its_package_count_and_what_python_writes_does_not(mine, file):
    written = mine / "ccapm" / file
    before = folder_digest(mine / "ccapm")
    for ours in ("__pycache__/solution.pyc", ".ipynb_checkpoints/solution.py"):
        (mine / "ccapm" / ours).parent.mkdir(exist_ok=True)
        (mine / "ccapm" / ours).write_text("x")
    assert folder_digest(mine / "ccapm") == before
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text("SPREAD = 0.8")
    assert folder_digest(mine / "ccapm") != before


def test_its_calibration_is_checked_with_the_others(mine):
    file = mine / "ccapm.yaml"
    file.write_text(file.read_text().replace("value: 0.97", "value: 1.97"))
    with pytest.raises(ConfigError, match=r"ccapm\.yaml.*persistence is 1\.97: must lie in"):
        load_config_file(mine / "mine.yaml", ROOT)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "certificate.py").unlink(), "has no certificate.py"),
        (lambda p: shutil.rmtree(p), r"has no __init__\.py; add it or correct the path"),
        (lambda p: (p / "__init__.py").write_text("ECONOMY = 3"), "must set ECONOMY = Economy"),
        (lambda p: (p / "__init__.py").write_text("import nonsense_x"), "importing it fails"),
        (lambda p: (p / "__init__.py").write_text("raise SystemExit(0)"), "importing it fails"),
        (
            lambda p: changed(p.parent, "__init__", '"size", "bm"', '"size", "size"'),
            "lists 'size' twice; name it once",
        ),
    ],
)
def test_what_is_no_economy_is_refused_in_one_line(mine, spoil, message):
    spoil(mine / "ccapm")
    with pytest.raises(ConfigError, match=message) as refused:
        load_config_file(mine / "mine.yaml", ROOT)
    assert len(str(refused.value).splitlines()) == 1


def test_the_name_of_a_shipped_economy_is_taken(mine):
    with pytest.raises(ConfigError, match="bgn is an economy of truepremia"):
        use_own({"bgn": mine / "ccapm"})
    for name in ("bgn", "Ccapm", "1a", "a-b", ""):
        with pytest.raises(ConfigError, match="must be lower-case letters"):
            new_economy(name, mine / "elsewhere")
    with pytest.raises(ConfigError, match="is there already"):
        new_economy("ccapm", mine)


def test_the_command_says_what_a_configuration_needs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new-economy", "habit"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["panels"] == {"habit": 1}
    place = shown["economies"]["habit"]
    assert Path(place["package"], "simulation.py").is_file()
    assert Path(place["calibration"]).is_file()
    assert main(["new-economy", "habit"]) == 1
    assert capsys.readouterr().err.startswith("truepremia: error: ")


def changed(mine: Path, module: str, old: str, new: str) -> None:
    file = mine / "ccapm" / f"{module}.py"
    code = file.read_text()
    assert old in code
    file.write_text(code.replace(old, new))


SDF = "- p.price_of_risk * seen"


@pytest.mark.parametrize(
    "wrong",
    ["+ p.price_of_risk * seen", "- 3 * p.price_of_risk * seen", "- 0 * seen", "- 0.5 * seen"],
    ids=["wrong sign", "three times", "constant", "another price"],
)
def test_a_discount_factor_that_does_not_price_the_panel_is_found(mine, capfd, wrong):
    changed(mine, "simulation", SDF, wrong)
    assert main(["test-economy", "ccapm", "--into", str(mine), "--cores", "1"]) == 1
    assert "test_realised_discount_factor" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("module", "old", "new", "said"),
    [
        ("solution", "solve = Solution", "solved = 0", "ccapm: solve raised AttributeError"),
        ("simulation", "def simulate(", "x = (\ndef simulate(", "raised SyntaxError"),
        ("conditional", "def moments(", "def moment(", "ccapm: moments raised AttributeError"),
        ("parameters", "price_of_risk", "price", "price_of_risk"),
    ],
)
def test_an_economy_that_lacks_something_is_one_line(mine, capfd, module, old, new, said):
    changed(mine, module, old, new)
    assert main(["test-economy", "ccapm", "--into", str(mine), "--cores", "1"]) == 1
    line = capfd.readouterr().err
    assert said in line
    assert line.count("\n") == 1


def test_an_economy_with_few_characteristics_is_tested_without_methods_that_need_more(mine):
    changed(mine, "__init__", '("size", "bm", "agr", "roe", "mom", "beta")', '("size", "beta")')
    chosen = {"package": str(mine / "ccapm"), "calibration": str(mine / "ccapm.yaml")}
    config = load_config_file(_overlay("ccapm", chosen, mine), ROOT)
    assert list(config.methods) == ["fm"]
    _try("ccapm", config)


def test_its_results_are_read_without_its_code(mine, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    file = mine / "mine.yaml"
    content = yaml.safe_load(file.read_text())
    for entry in content["economies"].values():
        entry |= {key: str(mine / Path(entry[key]).name) for key in ("package", "calibration")}
    content["panels"] = {**dict.fromkeys(SHIPPED, 0), "ccapm": 1}
    content |= {"firms": 30, "months": 60, "burnin": 20, "window": 24}
    content["tidy"] = {"stores": {"demo": False}, "published_data": False}
    file.write_text(yaml.safe_dump(content))
    assert main(["run", "ccapm_0", "--configfile", str(file), "--cores", "2"]) == 0
    use_own({})
    results = tp.read_results("results")
    for table in TIDY:
        assert len(getattr(results, table)()) > 0
    assert (results.statistics()["sharpe"] <= results.statistics()["max_sr"] * (1 + 1e-9)).all()
    assert repr(results.bundle("ccapm_0")).startswith("<Bundle ccapm_0: ccapm")
    assert len(results.to_frame()) == 30 * 60
    assert len(results.to_stata("stata", firms=True)) == len(TIDY) + 1

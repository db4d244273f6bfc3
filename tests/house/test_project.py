"""The project's own promises: documents that run, one set of versions."""

import ast
import re
import tomllib
from pathlib import Path

import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

import truepremia

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"arch-py": "arch", "matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}


def locked_versions():
    """Return the versions the lock gives to this Python, evaluating its markers."""
    lines = re.sub(r"\\\n\s+--hash=\S+", "", (ROOT / "requirements.lock").read_text()).splitlines()
    requirements = [Requirement(re.sub(r"\s*\\?\s*$", "", line)) for line in lines if "==" in line]
    environment = default_environment()
    return {
        r.name: str(r.specifier).removeprefix("==")
        for r in requirements
        if r.marker is None or r.marker.evaluate(environment)
    }


def test_conda_environment_has_the_locked_versions():
    locked = locked_versions()
    dependencies = yaml.safe_load((ROOT / "envs" / "truepremia.yaml").read_text())["dependencies"]
    pinned = dict(d.split("=") for d in dependencies)
    assert pinned.pop("python") == "3.11"
    assert pinned, "the conda environment pins nothing"
    for name, version in pinned.items():
        assert locked[CONDA_NAMES.get(name, name)] == version, name


def test_every_dependency_of_the_package_is_in_the_conda_environment():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {Requirement(d).name for d in project["dependencies"]}
    dependencies = yaml.safe_load((ROOT / "envs" / "truepremia.yaml").read_text())["dependencies"]
    pinned = {CONDA_NAMES.get(d.split("=")[0], d.split("=")[0]) for d in dependencies}
    assert wanted <= pinned


def test_lock_names_no_index():
    assert "http" not in (ROOT / "requirements.lock").read_text()


def test_python_quick_start_of_the_readme_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    quick_start = next(b for b in blocks if "import truepremia as tp" in b)
    exec(compile(quick_start, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "(200, 200)" in printed
    assert "mkt_rf" in printed


def test_functions_named_in_the_documents_exist():
    source = "\n".join(p.read_text() for p in (ROOT / "src").rglob("*.py"))
    for document in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)?)`", document.read_text()):
            last = name.split(".")[-1]
            assert last in source or (ROOT / last).exists() or last in YAML_NAMES, (document, name)


YAML_NAMES = (ROOT / "config" / "config.yaml").read_text() + "".join(
    p.read_text() for p in (ROOT / "config" / "economies").glob("*.yaml")
)


def test_one_version_stands_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert truepremia.__version__ == citation["version"] == version
    assert citation["preferred-citation"]["version"] == version
    released = f"## {version} - {citation['date-released']}"
    assert released in (ROOT / "CHANGELOG.md").read_text().splitlines()


def container_files():
    """Return what the two recipes copy from the repository, by recipe."""
    docker = re.findall(r"^COPY (\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sections = re.split(r"^%(\w+)\n", (ROOT / "truepremia.def").read_text(), flags=re.MULTILINE)
    named = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert set(named) == {"files", "post", "runscript"}
    return {
        "docker": docker,
        "apptainer": [line.split()[0] for line in named["files"].split("\n") if line],
    }


def test_container_recipes_copy_what_is_there_and_what_the_wheel_needs():
    copied = container_files()
    for sources in copied.values():
        assert all((ROOT / source).exists() for source in sources)
    workflow = re.search(
        r"^WORKFLOW = (\(.*\))$", (ROOT / "hatch_build.py").read_text(), re.MULTILINE
    )
    needed = {*ast.literal_eval(workflow[1]), "src", "hatch_build.py", "pyproject.toml"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed |= {project["readme"], *project["license-files"], "requirements.lock"}
    assert needed <= {*copied["apptainer"]}
    assert "." in copied["docker"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not needed & {name.rstrip("/*") for name in ignored}


def test_container_recipes_have_the_python_of_the_lock_and_its_hashes():
    for name in ("Dockerfile", "truepremia.def"):
        recipe = (ROOT / name).read_text()
        assert "python:3.11-slim" in recipe
        assert "--require-hashes -r" in recipe

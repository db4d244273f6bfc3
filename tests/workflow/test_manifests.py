"""`python -m truepremia verify` and `reproduce` on a finished run."""

import json
import os
import re
import subprocess
import sys

import pytest

from truepremia.errors import error_line
from truepremia.files.manifest import SEAL, own_digest, read_manifest


def run(place, *arguments):
    """Run the command line in the place's folder; return status, printed lines and error lines."""
    environment = os.environ | {"PYTHONPATH": str(place.repository / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "truepremia", *map(str, arguments)],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith(error_line(Exception()))]
    assert len(errors) == (done.returncode != 0), done.stderr
    return done.returncode, done.stdout.splitlines(), "".join(errors)


# --- verify --------------------------------------------------------------------------------------


def test_finished_run_is_verified(workplace):
    lines = [f"{panel}: as its manifest says" for panel in ("bgn_0", "bgn_2")]
    assert run(workplace, "verify", workplace.results.name) == (0, lines, "")


def flip(file):
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def alter_manifest(file):
    manifest = json.loads(file.read_text())
    del manifest["files"]["states"]
    file.write_text(json.dumps(manifest | {SEAL: own_digest(manifest)}))


FAULTS = {
    "panels/bgn_0/moments.parquet": (flip, "bgn_0: panels/bgn_0/moments.parquet has other content"),
    "panels/bgn_2/sdf.parquet": (os.remove, "bgn_2: panels/bgn_2/sdf.parquet is missing"),
    "bgn_0_fama.pkl": (flip, "bgn_0: bgn_0_fama.pkl has other content"),
    "bgn_2_manifest.json": (os.remove, "bgn_2: bgn_2_manifest.json is missing"),
    "bgn_0_manifest.json": (alter_manifest, "bgn_0: panels/bgn_0/states.parquet is not in the"),
    "panels/bgn_0/latent_proj.parquet": (
        lambda file: file.write_bytes(file.read_bytes() + b"x"),
        "bgn_0: panels/bgn_0/latent_proj.parquet has ",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_with_its_panel(workplace, name):
    do_damage, phrase = FAULTS[name]
    do_damage(workplace.results / name)
    status, lines, error = run(workplace, "verify", workplace.results.name)
    assert status == 1
    assert [line.startswith(phrase) for line in lines].count(True) == 1, lines
    assert len(lines) == 2
    assert "1 of 2 parts differ from what was made" in error


def test_damaged_solution_is_a_fault_of_every_panel_of_its_economy(workplace):
    flip(workplace.results / "solutions" / "bgn.npz")
    status, lines, _ = run(workplace, "verify", workplace.results.name)
    assert status == 1
    assert lines == [f"bgn_{i}: solutions/bgn.npz has other content" for i in (0, 2)]


@pytest.mark.parametrize("folder", ["out/panels/bgn_0", "nowhere"])
def test_folder_without_panels_is_refused(workplace, folder):
    status, lines, error = run(workplace, "verify", folder)
    assert (status, lines) == (1, [])
    assert f"{folder} holds no panel" in error


# --- reproduce -----------------------------------------------------------------------------------


def test_panel_is_made_again_from_its_manifest_alone(finished, tmp_path):
    manifest = tmp_path / "somewhere" / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_bytes((finished.results / "bgn_2_manifest.json").read_bytes())
    status, lines, error = run(finished, "reproduce", manifest, "--into", tmp_path / "again")
    assert (status, error) == (0, "")
    assert lines[-1] == f"bgn_2: all 16 files are the same, in {tmp_path / 'again'}"
    again = tmp_path / "again" / "results" / "bgn_2_manifest.json"
    assert again.read_bytes() == manifest.read_bytes()


def test_panel_that_cannot_be_made_again_is_told_apart_file_by_file(finished, tmp_path):
    manifest = json.loads((finished.results / "bgn_0_manifest.json").read_text())
    manifest["config"]["alphas"] = [0.0, 0.02]
    manifest["versions"]["numpy"] = "0.1"
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    arguments = ("--into", tmp_path / "again", "--cores", 2)
    status, lines, error = run(finished, "reproduce", tmp_path / "m.json", *arguments)
    assert status == 1
    differing = {line.split()[1] for line in lines if line.startswith("bgn_0: ")}
    assert differing == {"bgn_0_fama.pkl", "panels/bgn_0/fama_stats.parquet"}
    assert "2 of 16 files of bgn_0 differ" in error
    assert "numpy 0.1 there" in error


MANIFESTS = {
    "no manifest": ({}, "is not a manifest"),
    "shell in the panel": (
        {"panel_id": "bgn_0; touch x", "config": {"model": "bgn", "index": "0; touch x"}},
        "must be a panel of",
    ),
    "path in the economy": (
        {"panel_id": "../bgn_0", "config": {"model": "../bgn", "index": "0"}},
        "must be a panel of",
    ),
    "two names": ({"panel_id": "bgn_1", "config": {"model": "bgn", "index": "0"}}, "'bgn_1'"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifest_that_is_none_is_refused_before_anything_is_made(finished, tmp_path, case):
    entries, phrase = MANIFESTS[case]
    complete = {"files": {}, "versions": {}} | entries if entries else {}
    (tmp_path / "m.json").write_text(json.dumps(complete))
    arguments = ("reproduce", tmp_path / "m.json", "--into", tmp_path / "again")
    status, lines, error = run(finished, *arguments)
    assert (status, lines) == (1, [])
    assert phrase in error
    assert not (tmp_path / "again").exists()


def test_existing_folder_is_not_built_in(finished, tmp_path):
    manifest = finished.results / "bgn_0_manifest.json"
    status, _, error = run(finished, "reproduce", manifest, "--into", tmp_path)
    assert status == 1
    assert f"{tmp_path}: File exists; name a folder that can be made" in error


def test_manifest_has_no_time_and_no_path(finished):
    text = (finished.results / "bgn_0_manifest.json").read_text()
    assert read_manifest(finished.results / "bgn_0_manifest.json")["panel_id"] == "bgn_0"
    assert str(finished.folder) not in text
    assert str(finished.repository) not in text
    assert not re.search(r"\d\d:\d\d:\d\d", text)

"""What verify and reproduce say about damaged and foreign files, without a run."""

import hashlib
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truepremia.commands.cli import main
from truepremia.commands.reproduce import reproduce
from truepremia.commands.verify import verify
from truepremia.errors import ConfigError, DataError, TruepremiaError
from truepremia.files.comparison import largest_difference
from truepremia.files.manifest import SEAL, files_behind, own_digest, read_manifest

FILES = {name: {"sha256": "0" * 64, "bytes": 1} for name in ("bundle", "panel")}
MANIFEST = {
    "panel_id": "bgn_0",
    "config": {"model": "bgn", "index": "0", "seed": 1},
    "files": FILES,
    "versions": {"numpy": "1"},
    "accuracy": {"largest_euler_error": 1e-9},
}


def of_config(**changes):
    return MANIFEST | {"config": MANIFEST["config"] | changes}


HOSTILE = {
    "nothing": {},
    "a list": [],
    "a text for the configuration": MANIFEST | {"config": "x"},
    "a list of files": MANIFEST | {"files": []},
    "a file that is a text": MANIFEST | {"files": {"panel": "x"}},
    "a size that is a text": MANIFEST | {"files": {"panel": {"sha256": "0", "bytes": "1"}}},
    "a digest that is a number": MANIFEST | {"files": {"panel": {"sha256": 0, "bytes": 1}}},
    "a file outside": MANIFEST | {"files": {"../../x": {"sha256": "0", "bytes": 1}}},
    "versions that are numbers": MANIFEST | {"versions": {"numpy": 1}},
    "a processor that is a text": MANIFEST | {"processor": "x"},
    "accuracy that is a list": MANIFEST | {"accuracy": [1]},
    "a model that is a list": of_config(model=["bgn"]),
    "a model that is null": of_config(model=None),
    "an index that is a mapping": of_config(index={}),
    "an index of many digits": of_config(index="9" * 5_000),
    "an index in other digits": of_config(index="٣"),
    "packages that are a list": of_config(packages=["x"]),
    "packages that are numbers": of_config(packages={"x": 1}),
    "a path as a model": of_config(model="../bgn", packages={"../bgn": "/"}),
    "control characters": MANIFEST | {"panel_id": "\x1b[2J\n"},
}


def written(folder, content, name="bgn_0_manifest.json"):
    (folder / name).write_text(json.dumps(content))
    return folder / name


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("command", ["verify", "reproduce"])
def test_hostile_manifest_ends_in_one_line(tmp_path, capsys, case, command):
    path = written(tmp_path, HOSTILE[case])
    target = [str(tmp_path)] if command == "verify" else [str(path), "--into", str(tmp_path / "n")]
    assert main([command, *target]) == 1
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_manifest_that_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "bgn_0_manifest.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    with pytest.raises(DataError, match="cannot read"):
        read_manifest(path)
    assert len(verify(tmp_path)[0]["bgn_0"]) == 1


def test_changed_entry_of_a_manifest_is_found(tmp_path):
    sealed = MANIFEST | {SEAL: own_digest(MANIFEST)}
    written(tmp_path, sealed)
    phrase = "bgn_0_manifest.json was changed after it was written"
    assert phrase not in verify(tmp_path)[0]["bgn_0"]
    for changed in (of_config(seed=2), MANIFEST | {"accuracy": {"largest_euler_error": 0.0}}):
        written(tmp_path, changed | {SEAL: sealed[SEAL]})
        assert phrase in verify(tmp_path)[0]["bgn_0"]


def test_manifest_of_an_economy_of_ones_own_runs_no_code_and_stays_inside(tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    own = of_config(model="mine", packages={"mine": str(package)}) | {"panel_id": "mine_0"}
    path = written(tmp_path, own, "mine_0_manifest.json")
    files = files_behind(read_manifest(path))
    assert files["panel"] == "panels/mine_0/panel.parquet"
    verify(tmp_path)
    with pytest.raises(ConfigError, match="--package FOLDER"):
        reproduce(path, tmp_path / "again", 1)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cores", [0, -1])
def test_reproduce_needs_a_core(tmp_path, cores):
    with pytest.raises(ConfigError, match="must be at least 1"):
        reproduce(written(tmp_path, MANIFEST), tmp_path / "again", cores)


@pytest.mark.parametrize("content", [None, "", "{", "[]"], ids=["missing", "empty", "cut", "list"])
def test_reproduce_names_what_to_give_it_and_promises_no_file(tmp_path, content):
    path = tmp_path / "m.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match="name a manifest that a run wrote") as error:
        reproduce(path, tmp_path / "again", 1)
    assert "built" not in str(error.value)
    assert not (tmp_path / "again").exists()


def test_reproduce_takes_the_bundle_for_the_manifest_beside_it(tmp_path, capsys):
    written(tmp_path, MANIFEST | {"config": "x"})
    bundle = tmp_path / "bgn_0_fama.pkl"
    bundle.write_bytes(b"\x80\x05")
    assert main(["reproduce", str(bundle), "--into", str(tmp_path / "n")]) == 1
    assert "bgn_0_manifest.json is not a manifest" in capsys.readouterr().err
    other = tmp_path / "bgn_0.pkl"
    other.write_bytes(b"\x80\x05")
    assert main(["reproduce", str(other), "--into", str(tmp_path / "n")]) == 1
    assert "name a manifest that a run wrote" in capsys.readouterr().err


def test_verify_looks_into_results_if_not_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recorded(tmp_path / "results", "report/report.html")
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == "report: as its jobs made it\n"


def test_reproduce_refuses_a_folder_whose_name_the_configuration_cannot_hold(tmp_path):
    folder = tmp_path / os.fsdecode(b"n\xff")
    with pytest.raises(ConfigError, match=r"not text in UTF-8.*--into FOLDER"):
        reproduce(written(tmp_path, MANIFEST), folder, 1)
    assert not folder.exists()


# --- what jobs wrote down -------------------------------------------------------------------------


def recorded(folder, *files):
    """Write files and the record of a job that made them."""
    lines = []
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
        lines.append(f"{hashlib.sha256(file.encode()).hexdigest()}  {file}\n")
    record = folder / "benchmarks" / "job" / "one.sha256"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("".join(lines))
    return record


PARTS = {
    "tidy/demo/factors.parquet": "tidy/demo",
    "report/report.html": "report",
    "leaderboard/headline.csv": "leaderboard",
    "panels/bgn_0/methods/capm_returns.parquet": "panels/bgn_0/methods",
    "real/mine/methods/capm_stats.parquet": "real/mine/methods",
}


@pytest.mark.parametrize("file", PARTS)
def test_every_part_is_checked_against_what_its_jobs_made(tmp_path, file):
    recorded(tmp_path, file)
    assert verify(tmp_path)[0][PARTS[file]] == []
    (tmp_path / file).write_text("changed")
    assert verify(tmp_path)[0][PARTS[file]] == [f"{file} has other content"]
    (tmp_path / file).unlink()
    assert verify(tmp_path)[0][PARTS[file]] == [f"{file} is missing"]
    os.mkfifo(tmp_path / file)
    assert verify(tmp_path)[0][PARTS[file]] == [f"{file} is no regular file"]


@pytest.mark.parametrize("line", ["x", f"{'0' * 64}  ../x\n", f"{'0' * 64}  /etc/passwd\n"])
def test_record_that_leads_out_of_the_folder_is_refused(tmp_path, line):
    recorded(tmp_path, "report/report.html").write_text(line)
    assert "no list of digests" in verify(tmp_path)[0]["benchmarks"][0]


STRAYS = {
    ".DS_Store": "a file",
    "report/.nfs0001": "a file",
    "report/report copy.html": "a file",
    "tidy/demo.bak/": "a folder",
    "panels/.DS_Store": "a file",
    "panels/bgn_0 (copy)/": "a folder",
    "old_results/": "a folder",
    "report/.report.html.77.tmp": "a temporary file of a job that was killed",
    "report/\x1b[2Jx\n": "a file",
}


@pytest.mark.parametrize("name", STRAYS, ids=ascii)
def test_strays_are_named_escaped_and_change_nothing(tmp_path, name):
    recorded(tmp_path, "report/report.html", "tidy/demo/factors.parquet")
    stray = tmp_path / name
    if name.endswith("/"):
        stray.mkdir(parents=True)
    else:
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_text("x")
    checked, strays = verify(tmp_path)
    assert all(faults == [] for faults in checked.values())
    assert len(strays) == 1
    assert f": {STRAYS[name]}" in strays[0]
    assert strays[0].isprintable()


def test_link_among_results_is_a_stray_and_not_followed(tmp_path):
    recorded(tmp_path, "report/report.html")
    (tmp_path / "report" / "loop").symlink_to(tmp_path)
    assert verify(tmp_path)[1] == ["report/loop: a link that no job made"]


# --- other processors -----------------------------------------------------------------------------


def table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_difference_of_tables_is_relative_to_the_largest_value(tmp_path):
    one = table(tmp_path / "a.parquet", x=np.array([1.0, 4.0, np.nan]), n=np.arange(3))
    other = table(tmp_path / "b.parquet", x=np.array([1.0, 4.0 + 4e-12, np.nan]), n=np.arange(3))
    assert largest_difference(one, one) == 0
    assert largest_difference(one, other) == pytest.approx(1e-12, rel=1e-3)


@pytest.mark.parametrize(
    "columns",
    [
        {"x": np.array([1.0, 4.0, 0.0]), "n": np.arange(3)},
        {"x": np.array([1.0, 4.0, np.nan]), "n": np.arange(1, 4)},
        {"x": np.array([1.0, np.nan]), "n": np.arange(2)},
        {"y": np.array([1.0, 4.0, np.nan]), "n": np.arange(3)},
    ],
)
def test_tables_that_differ_in_more_than_rounding_are_apart(tmp_path, columns):
    one = table(tmp_path / "a.parquet", x=np.array([1.0, 4.0, np.nan]), n=np.arange(3))
    assert largest_difference(one, table(tmp_path / "b.parquet", **columns)) == np.inf


def test_files_of_another_kind_are_not_compared(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    assert largest_difference(tmp_path / "a.json", tmp_path / "a.json") == np.inf
    with pytest.raises(TruepremiaError):
        largest_difference(tmp_path / "none.parquet", tmp_path / "none.parquet")

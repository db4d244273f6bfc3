"""Runs that do not keep the large tables of their panels."""

import hashlib

from miniature import PANELS, REPOSITORY, Workplace
from test_manifests import run

from truepremia.files.results import LARGE_TABLES

LARGE = {f"panels/{panel}/{table}.parquet" for panel in PANELS for table in LARGE_TABLES}


def test_large_tables_go_and_come_back_with_the_same_bytes(finished, tmp_path):
    place = Workplace(REPOSITORY, tmp_path / "place")
    place.folder.mkdir()
    place.snakemake(keep_panels=False).succeeded()
    kept = finished.digests()
    assert place.digests() == {file: d for file, d in kept.items() if file not in LARGE}
    assert place.planned(keep_panels=False) == set()
    assert run(place, "verify", place.results.name)[0] == 0

    wanted = "panels/bgn_2/moments.parquet"
    place.snakemake(f"{place.results.name}/{wanted}", keep_panels=False).succeeded()
    found = hashlib.sha256((place.results / wanted).read_bytes()).hexdigest()
    assert found == kept[wanted]
    assert not (place.panel("bgn_2") / "panel.parquet").exists()
    assert run(place, "verify", place.results.name)[0] == 0


def test_some_missing_tables_of_a_panel_are_a_fault(workplace):
    (workplace.panel() / "states.parquet").unlink()
    status, lines, _ = run(workplace, "verify", workplace.results.name)
    assert status == 1
    assert "bgn_0: panels/bgn_0/states.parquet is missing" in lines


def test_panels_without_a_manifest_are_verified_by_what_their_jobs_wrote(workplace):
    results = workplace.results
    for name in ("bgn_0_manifest.json", "bgn_0_fama.pkl"):
        (results / name).unlink()
        record = next(f for f in results.glob("benchmarks/*/*.sha256") if name in f.read_text())
    record.unlink()
    status, lines, _ = run(workplace, "verify", results.name)
    assert status == 0
    assert lines == ["bgn_2: as its manifest says", "panels/bgn_0: as its jobs made it"]
    (workplace.panel() / "sdf.parquet").write_bytes(b"")
    status, lines, _ = run(workplace, "verify", results.name)
    assert status == 1
    assert "panels/bgn_0: panels/bgn_0/sdf.parquet has other content" in lines

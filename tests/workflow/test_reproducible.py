import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest


def test_one_core_in_another_order_gives_the_same_bytes(finished, empty_workplace):
    place = empty_workplace
    place.snakemake(f"{place.results.name}/bgn_2_fama.pkl", cores=1).succeeded()
    place.snakemake("all", cores=1).succeeded()
    assert place.digests() == finished.digests()


def test_four_cores_give_the_same_bytes(finished, empty_workplace):
    empty_workplace.snakemake("all", cores=4).succeeded()
    assert empty_workplace.digests() == finished.digests()


def test_comparison_covers_every_table_solution_and_bundle(finished):
    suffixes = [Path(name).suffix for name in finished.digests()]
    counts = {suffix: suffixes.count(suffix) for suffix in set(suffixes)}
    assert counts == {".parquet": 26, ".npz": 1, ".json": 1, ".pkl": 2}


def test_another_index_gives_other_draws(finished):
    digests = finished.digests()
    for name, digest in digests.items():
        if name.startswith("panels/bgn_0/"):
            assert digest != digests[name.replace("bgn_0", "bgn_2")], name
    shocks = [
        pq.read_table(finished.panel(panel) / "aggregates.parquet", columns=["xi"])[
            "xi"
        ].to_pylist()
        for panel in ("bgn_0", "bgn_2")
    ]
    assert not set(shocks[0]) & set(shocks[1])


def test_another_seed_gives_other_draws_from_the_same_solution(finished, workplace):
    place = workplace
    panel = f"{place.results.name}/panels/bgn_0/panel.parquet"
    place.snakemake(panel, seed=1).succeeded()
    before, after = finished.digests(), place.digests()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"panels/bgn_0/{t}.parquet" for t in ("panel", "states", "aggregates")}


def test_number_of_firms_leaves_the_aggregate_path_alone(finished, workplace):
    place = workplace
    place.snakemake(f"{place.results.name}/panels/bgn_0/panel.parquet", firms=61).succeeded()
    before, after = finished.digests(), place.digests()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"panels/bgn_0/{t}.parquet" for t in ("panel", "states")}


def test_panel_that_the_configuration_does_not_list_is_built_by_its_name(finished, workplace):
    place = workplace
    done = place.snakemake(f"{place.results.name}/bgn_7_fama.pkl").succeeded()
    assert "9 of 9 steps" not in done.text, "the economy was solved again"
    before, after = finished.digests(), place.digests()
    assert before.items() <= after.items()
    assert {name for name in after if name not in before} == {
        name.replace("bgn_0", "bgn_7") for name in before if "bgn_0" in name
    }
    assert (place.results / "bgn_7_manifest.json").exists()


@pytest.mark.parametrize("suffix", [".parquet", ".pkl"])
def test_no_two_results_are_the_same_file(finished, suffix):
    files = list(finished.results.rglob(f"*{suffix}"))
    assert len({hashlib.sha256(f.read_bytes()).hexdigest() for f in files}) == len(files)

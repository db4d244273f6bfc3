"""Files in the results folder that are not what they should be: one line, the remedy works."""

import os
import shutil
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from truepremia.commands.verify import verify
from truepremia.economies.registry import economy
from truepremia.files.simulations import write_solution

REMEDY = "delete the file and run the same command again, it will be rebuilt"


def truncate(file, _place):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_a_bit(file, _place):
    raw = bytearray(file.read_bytes())
    chunk = pq.ParquetFile(file).metadata.row_group(0).column(2)
    raw[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
    file.write_bytes(raw)


def swap(file, place):
    shutil.copy(place.panel("bgn_2") / file.name, file)


def replace_by_another_table(file, _place):
    pq.write_table(pa.table({"month": np.arange(40, 124), "smb": np.zeros(84)}), file)


def replace_by_text(file, _place):
    file.write_text("not what it should be\n")


def changed(change):
    """Return a damage that another program could do, leaving a table that reads well."""

    def damage(file, _place):
        groups = pq.ParquetFile(file)
        tables = [groups.read_row_group(i) for i in range(groups.num_row_groups)]
        schema = tables[0].schema.with_metadata(groups.schema_arrow.metadata)
        with pq.ParquetWriter(file, schema) as writer:
            for table in tables:
                columns = {n: table[n].to_numpy().copy() for n in table.column_names}
                change(columns)
                writer.write_table(pa.table(columns, schema=schema))

    return damage


def turn_round(columns):
    """Give every row the values of another."""
    for name in set(columns) - {"month", "firmid"}:
        columns[name] = columns[name][::-1]


def nudge(columns):
    for name, values in columns.items():
        if values.dtype.kind == "f":
            columns[name] = values * (1 + 1e-9)


def repeat_a_row(columns):
    for name, values in columns.items():
        columns[name] = np.append(values, values[-1:])


def solve_with_other_parameters(file, place):
    shipped = yaml.safe_load((place.repository / "config/economies/bgn.yaml").read_text())
    values = {name: entry["value"] for name, entry in shipped.items()}
    bgn = economy("bgn")
    write_solution(file, bgn.solve(bgn.parameters(values | {"survival": 0.985})))


BGN_0 = "panels/bgn_0"
DAMAGES = {
    "truncated panel": (
        *(f"{BGN_0}/panel.parquet", truncate, f"{BGN_0}/ff_returns.parquet"),
        ["cannot read"],
    ),
    "flipped bit in the moments": (
        *(f"{BGN_0}/moments.parquet", flip_a_bit, f"{BGN_0}/fama_stats.parquet"),
        ["cannot read"],
    ),
    "panel of another index": (
        *(f"{BGN_0}/panel.parquet", swap, f"{BGN_0}/model_premia_proj.parquet"),
        ["is the panel table of bgn_2, expected the panel table of bgn_0"],
    ),
    "factor returns of another program": (
        *(f"{BGN_0}/ff_returns.parquet", replace_by_another_table, f"{BGN_0}/fama_stats.parquet"),
        ["is not a truepremia table, expected the ff_returns table of bgn_0"],
    ),
    "text for the states": (
        *(f"{BGN_0}/states.parquet", replace_by_text, f"{BGN_0}/moments.parquet"),
        ["cannot read"],
    ),
    "solution of another calibration": (
        *("solutions/bgn.npz", solve_with_other_parameters, f"{BGN_0}/panel.parquet"),
        ["was solved with survival = 0.985, this run has 0.99"],
    ),
    "truncated solution": (
        *("solutions/bgn.npz", truncate, f"{BGN_0}/panel.parquet"),
        ["cannot read"],
    ),
    **{
        f"{change.__name__} in {table}": (
            *(f"{BGN_0}/{table}.parquet", changed(change), target),
            [f"is not what {maker} made, it was changed afterwards"] if said else [],
        )
        for change, table, maker, target, said in [
            (turn_round, "states", "simulate_panel", f"{BGN_0}/moments.parquet", True),
            (turn_round, "panel", "simulate_panel", f"{BGN_0}/ff_returns.parquet", True),
            (nudge, "aggregates", "simulate_panel", f"{BGN_0}/moments.parquet", True),
            (repeat_a_row, "moments", "compute_moments", f"{BGN_0}/fama_stats.parquet", False),
            (repeat_a_row, "panel", "simulate_panel", f"{BGN_0}/model_premia_proj.parquet", False),
            (turn_round, "ff_returns", "build_factors", f"{BGN_0}/fama_stats.parquet", True),
            (nudge, "sdf", "compute_moments", "bgn_0_fama.pkl", True),
            (repeat_a_row, "fama_stats", "portfolio_stats", "bgn_0_fama.pkl", False),
        ]
    },
    "text for the diagnostics": ("solutions/bgn.json", replace_by_text, "bgn_0_fama.pkl", []),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_ends_the_next_stage_with_its_name_and_the_remedy(workplace, damage):
    name, do_damage, target, phrases = DAMAGES[damage]
    damaged, wanted = workplace.results / name, workplace.results / target
    do_damage(damaged, workplace)
    error = workplace.snakemake(str(wanted.relative_to(workplace.folder)), cores=1).error()
    expected = [str(damaged.relative_to(workplace.folder)), REMEDY, *phrases]
    assert [phrase for phrase in expected if phrase not in error] == []
    assert not wanted.exists()
    assert list(workplace.results.rglob("*.tmp")) == []
    logs = (workplace.results / "logs").rglob("*.log")
    assert any(error in log.read_text() for log in logs)


def test_remedy_for_a_damaged_file_restores_every_byte(workplace, finished):
    panel = workplace.panel() / "panel.parquet"
    truncate(panel, workplace)
    assert REMEDY in workplace.snakemake("all", cores=1).error()
    panel.unlink()
    workplace.snakemake("all").succeeded()
    assert workplace.digests() == finished.digests()


def test_what_was_changed_in_secret_gets_no_seal(workplace, finished):
    """Neither the time of the file nor that of its record tells that it was changed."""
    states = workplace.panel() / "states.parquet"
    times = states.stat().st_atime_ns, states.stat().st_mtime_ns
    changed(nudge)(states, workplace)
    os.utime(states, ns=times)
    (workplace.panel() / "fama_stats.parquet").unlink()
    error = workplace.snakemake("all", cores=1).error()
    assert "states.parquet is not what simulate_panel made, it was changed afterwards" in error
    states.unlink()
    workplace.snakemake("all").succeeded()
    assert workplace.digests() == finished.digests()


def test_a_table_from_the_future_is_named_with_the_remedy(workplace, finished):
    """The engine would say of every file that is made of it that it is older."""
    panel, stats = workplace.panel() / "panel.parquet", workplace.panel() / "fama_stats.parquet"
    os.utime(panel, (time.time() + 86_400,) * 2)
    for file in workplace.results.glob("bgn_0_*"):
        file.unlink()
    stats.unlink()
    error = workplace.snakemake("all", cores=1).error()
    assert "panel.parquet is from the future, by 86" in error
    assert "run 'touch " in error
    panel.touch()
    workplace.snakemake("all").succeeded()
    assert workplace.digests() == finished.digests()


def test_a_changed_table_explains_what_the_next_stage_cannot_understand(workplace):
    """Stocks in another order: the store itself is not to blame."""
    demo = {"tidy": {"stores": {"demo": {"panel": "bgn_0"}}, "published_data": False}}
    target = "out/tidy/demo/factors.parquet"
    workplace.snakemake(target, **demo).succeeded()
    stocks = workplace.results / "tidy" / "demo" / "stocks.parquet"
    changed(turn_round)(stocks, workplace)
    error = workplace.snakemake(target, cores=1, **demo).error()
    assert "stocks.parquet is not what read_store made, it was changed afterwards" in error


def test_verify_finds_what_was_sealed_after_it_was_changed(workplace):
    record = workplace.results / "benchmarks" / "simulate_panel" / "bgn_0.sha256"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text(
        "".join(f"{'0' * 64}{line[64:]}" if "states" in line else line for line in lines)
    )
    faults, _ = verify(workplace.results)
    assert faults["bgn_0"] == [
        "panels/bgn_0/states.parquet was changed between the job that made it and the manifest"
    ]

"""What jobs wrote down of their files: found, compared, and never in the way of others."""

import os
import time

import pytest

from truepremia.errors import DataError
from truepremia.files.records import (
    RECORDS,
    read_record,
    require_as_made,
    require_digests,
    write_record,
)
from truepremia.outside import file_digest

FILES = {
    "simulate_panel/bgn_1": ("panels/bgn_1/panel.parquet", "panels/bgn_1/states.parquet"),
    "judge_method/bgn_1_my_own": ("panels/bgn_1/methods/my_own_stats.parquet",),
    "simulate_panel/bgn_10": ("panels/bgn_10/panel.parquet",),
    "solve_economy/bgn": ("solutions/bgn.npz",),
    "read_store/a_b": ("tidy/a_b/stocks.parquet",),
    "summarise_panels/bgn_prices": ("report/summaries/bgn_prices.json",),
    "leaderboard/all": ("leaderboard/panels.csv",),
}
EVERY = [file for files in FILES.values() for file in files]


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "out"
    for job, files in FILES.items():
        made = [folder / file for file in files]
        for file in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(file.name)
        write_record(folder, *job.split("/"), [*made, tmp_path / "elsewhere"])
    return folder


def change(file, seconds=1.0):
    file.write_text("another")
    os.utime(file, (time.time() + seconds,) * 2)


def test_what_was_not_changed_or_never_written_down_is_as_made(results, tmp_path):
    (tmp_path / "elsewhere").write_text("x")
    (results / "panels/bgn_1/unknown.parquet").write_text("x")
    files = [*(results / file for file in EVERY), tmp_path / "elsewhere"]
    require_as_made(results, [*files, results / "panels/bgn_1/unknown.parquet", results / "none"])
    for file in EVERY:  # younger, and the same
        os.utime(results / file, (time.time() + 5,) * 2)
    require_as_made(results, files)


@pytest.mark.parametrize("file", EVERY)
def test_a_changed_file_is_named_with_its_job(results, file):
    change(results / file)
    rule = next(job for job, files in FILES.items() if file in files).split("/")[0]
    with pytest.raises(DataError, match=f"{file} is not what {rule} made, .*; delete the file"):
        require_as_made(results, [results / file])
    others = [results / other for other in EVERY if other != file]
    require_as_made(results, others)


@pytest.mark.parametrize("file", EVERY)
def test_digests_tell_what_times_do_not(results, file):
    change(results / file, seconds=-100)
    require_as_made(results, [results / file])
    with pytest.raises(DataError, match=f"{file} is not what"):
        require_digests(results, {results / file: file_digest(results / file)})


def test_of_two_records_the_newer_counts(results):
    file = results / "panels/bgn_1/panel.parquet"
    change(file)
    write_record(results, "another_rule", "bgn_1", [file])
    record = results / RECORDS / "another_rule" / "bgn_1.sha256"
    os.utime(record, (time.time() + 2,) * 2)
    require_as_made(results, [file])


@pytest.mark.parametrize("text", ["", "half a li", f"{'0' * 64}  ../../x\n", "\0"])
def test_a_damaged_record_is_no_reason_to_refuse_a_file(results, text):
    record = results / RECORDS / "simulate_panel" / "bgn_1.sha256"
    record.write_text(text)
    change(results / "panels/bgn_1/panel.parquet")
    require_as_made(results, [results / "panels/bgn_1/panel.parquet"])
    if text:
        with pytest.raises(DataError, match=r"bgn_1.sha256 is no list of digests; delete it"):
            read_record(results, record)

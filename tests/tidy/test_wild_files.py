"""Files beside the store: logs of a database, folders of Parquet files."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from wild_store import assert_same_store, execute, refused

from truepremia.tidy import sources
from truepremia.tidy.reading import read_store

# --- 5: the log of a database ------------------------------------------------------------------


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_changes_in_a_log_are_never_ignored(file, tmp_path, linked, monkeypatch):
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("DELETE FROM crsp_monthly WHERE permno = 10000")
    writer.commit()
    there = tmp_path / "medium"
    there.mkdir()
    copy = there / "copy.sqlite"
    shutil.copy(file, copy)
    shutil.copy(f"{file}-wal", f"{copy}-wal")
    writer.close()
    given = copy
    if linked:
        given = tmp_path / "link.sqlite"
        given.symlink_to(copy)
    assert 10_000 not in read_store(str(given)).stocks.permno
    monkeypatch.setattr(sources, "_opens", lambda *_: False)  # as on a read-only medium
    found = refused(given)
    assert "copy.sqlite-wal" in found
    assert "copy both files" in found


def test_empty_log_is_no_reason_to_refuse(file):
    execute(file, "PRAGMA journal_mode = WAL")
    Path(f"{file}-wal").touch()
    assert len(read_store(str(file)).stocks.month)


# --- 11: folders of Parquet files --------------------------------------------------------------


def test_only_files_of_the_store_are_opened(folder):
    plain = read_store(str(folder))
    (folder / "half.parquet").write_bytes(b"PAR1")
    (folder / "._crsp_monthly.parquet").write_bytes(b"Mac")
    (folder / "notes").mkdir()
    (folder / "notes" / "x.parquet").write_bytes(b"")
    assert_same_store(read_store(str(folder)), plain)


@pytest.mark.parametrize("name", ["crsp_monthly", "crsp_monthly.parquet", "CRSP_MONTHLY"])
@pytest.mark.parametrize("hive", [False, True], ids=["parts", "hive"])
def test_partitioned_table_is_a_table(folder, name, hive):
    plain = read_store(str(folder))
    crsp = pd.read_parquet(folder / "crsp_monthly.parquet")
    (folder / "crsp_monthly.parquet").unlink()
    key = "exchange" if hive else pd.to_datetime(crsp["date"]).dt.year
    for number, (value, part) in enumerate(crsp.groupby(key, dropna=False)):
        place = folder / name / (f"exchange={value}" if hive else ".")
        place.mkdir(parents=True, exist_ok=True)
        kept = part.drop(columns="exchange") if hive else part
        kept.to_parquet(place / f"part-{number}.parquet", index=False)
    (folder / name / "_metadata.parquet").write_bytes(b"")
    assert_same_store(read_store(str(folder)), plain)


def test_a_store_is_read_without_asking_for_memory_that_it_does_not_need(file):
    """A limit of memory, as of a cluster's job, counts what is asked for and not only what is used.

    Python and its libraries ask for less than a gigabyte.
    """
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2)\n"
        "from truepremia.tidy.reading import read_store\n"
        f"print(len(read_store({str(file)!r}).stocks.month))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(read_store(str(file)).stocks.month)

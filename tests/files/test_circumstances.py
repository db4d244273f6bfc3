"""What is wrong with the machine is told by its name; only damage is answered with deletion."""

import errno
import fcntl
import os

import pytest

from truepremia.errors import DataError
from truepremia.files.formats import REMEDY, read_json, reading, replacing
from truepremia.outside import read_bytes, read_text

OF_THE_MACHINE = {
    "permission": (PermissionError(errno.EACCES, "x"), "permission denied"),
    "open files": (OSError(errno.EMFILE, "x"), "ulimit -n"),
    "open files of all": (OSError(errno.ENFILE, "x"), "files are open on this machine"),
    "threads": (RuntimeError("can't start new thread"), "ulimit -u"),
    "processes": (BlockingIOError(errno.EAGAIN, "x"), "ulimit -u"),
    "memory": (MemoryError(), "not enough memory"),
    "memory of the system": (OSError(errno.ENOMEM, "x"), "not enough memory"),
    "disk": (OSError(errno.EIO, "x"), "disk or file server"),
    "file server": (OSError(errno.ESTALE, "x"), "file server"),
    "quota": (OSError(errno.EDQUOT, "x"), "quota"),
    "read-only": (OSError(errno.EROFS, "x"), "read-only"),
    "size": (OSError(errno.EFBIG, "x"), "ulimit -f"),
}


@pytest.mark.parametrize("case", OF_THE_MACHINE)
def test_reading_names_what_the_machine_lacks_and_keeps_the_file(tmp_path, case):
    error, phrase = OF_THE_MACHINE[case]
    (tmp_path / "t").write_text("good")
    with pytest.raises(DataError, match=phrase) as caught, reading(tmp_path / "t"):
        raise error
    assert "delete" not in str(caught.value)
    assert str(tmp_path / "t") in str(caught.value)


@pytest.mark.parametrize("case", OF_THE_MACHINE)
def test_writing_names_what_the_machine_lacks(tmp_path, case):
    error, phrase = OF_THE_MACHINE[case]
    if isinstance(error, RuntimeError):
        pytest.skip("writers start no threads")
    with pytest.raises(DataError, match=phrase), replacing(tmp_path / "t"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_full_disk_without_inodes_is_told_from_one_without_space(tmp_path, monkeypatch):
    full = type("", (), {"f_files": 9, "f_favail": 0})
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    with pytest.raises(DataError, match="no inodes left"), replacing(tmp_path / "t"):
        raise OSError(errno.ENOSPC, "x")


@pytest.mark.parametrize("error", [ValueError("bad footer"), KeyError("x"), OSError("bad magic")])
def test_damage_is_answered_with_deletion(tmp_path, error):
    (tmp_path / "t").write_text("x")
    with pytest.raises(DataError, match=REMEDY), reading(tmp_path / "t"):
        raise error


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_table_that_is_no_regular_file_is_never_opened(tmp_path, kind):
    path = tmp_path / "t"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="name a regular file"):
        read_json(path)


def test_text_that_is_too_large_or_no_text_is_refused(tmp_path):
    (tmp_path / "t").write_bytes(b"abc\xff")
    with pytest.raises(DataError, match="UTF-8"):
        read_text(tmp_path / "t")
    with pytest.raises(DataError, match="at most 3 are read"):
        read_bytes(tmp_path / "t", 3)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "NaN", "9" * 5_000], ids=len)
def test_json_that_breaks_the_parser_is_one_line(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "t.json")
    assert "\n" not in str(caught.value)


# --- temporary files ------------------------------------------------------------------------------


def test_next_writer_removes_what_a_killed_one_left_behind_and_nothing_else(tmp_path):
    (tmp_path / ".t.parquet.12345.tmp").write_text("left")
    (tmp_path / ".other.parquet.12345.tmp").write_text("of another file")
    with replacing(tmp_path / "t.parquet") as temporary:
        temporary.write_text("new")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"t.parquet", ".other.parquet.12345.tmp"}


def test_temporary_file_of_a_living_writer_stays(tmp_path):
    living = tmp_path / ".t.parquet.12345.tmp"
    with living.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with replacing(tmp_path / "t.parquet") as temporary:
            temporary.write_text("new")
        assert living.exists()
    with replacing(tmp_path / "t.parquet") as temporary:
        temporary.write_text("new")
    assert not living.exists()

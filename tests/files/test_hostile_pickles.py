"""Bundles made to hurt: one line, in bounded time and memory, and the interpreter lives."""

import os
import pickle
import struct

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.files.bundle import KEYS, STATISTICS, read_checked_bundle
from truepremia.files.restricted_pickle import read_bundle


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def whole(body: bytes) -> bytes:
    """Return a pickle of a dictionary with one item, whose instructions are ``body``."""
    return b"\x80\x04}" + text("ff_returns") + body + b"s."


ARRAY = named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray")
ARRAY += b"K\x00\x85C\x01b\x87R"


def dtype(code: str, state: bytes = b"") -> bytes:
    return named("numpy", "dtype") + text(code) + b"\x89\x88\x87R" + state


def state_of_dtype(*last: bytes) -> bytes:
    return b"(K\x03" + text("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"".join(last) + b"tb"


def array(of: bytes, content: bytes, shape: bytes = b"K\x01\x85") -> bytes:
    return ARRAY + b"(K\x01" + shape + of + b"\x89" + content + b"tb"


POINTER = b"C\x08" + b"A" * 8
FIELDS = text("V8") + b"\x89\x88\x87R(K\x03" + text("|") + b"N" + text("f") + b"\x85}"
FIELDS = named("numpy", "dtype") + FIELDS + text("f") + dtype("O8") + b"K\x00\x86sK\x08K\x01K\x1btb"
DEEP = 200_000
SHARED = (
    b"]("
    + text("x") * 10
    + b"e\x94"
    + b"".join(
        b"](" + b"j" + struct.pack("<I", i) + (b"j" + struct.pack("<I", i)) * 9 + b"e\x94"
        for i in range(40)
    )
)
HUGE_MEMO = b"Nr\xff\xff\xff\xff"
HOSTILE = {
    "pointers in place of texts": whole(array(dtype("O8"), POINTER)),
    "pointers behind a state": whole(array(dtype("f8", state_of_dtype(b"K\x3f")), POINTER)),
    "pointers in a field": whole(array(FIELDS, POINTER)),
    "pointers behind a name": whole(array(dtype("f8,O8"), POINTER * 2)),
    "a void": whole(array(dtype("V8"), POINTER)),
    "a negative shape": whole(array(dtype("f8"), POINTER, b"J\xff\xff\xff\xff\x85")),
    "a shape beyond memory": whole(array(dtype("f8"), POINTER, b"J\xff\xff\xff\x7f\x85")),
    "a shape that is none": whole(array(dtype("f8"), POINTER, text("x"))),
    "thirty dimensions": whole(array(dtype("f8"), POINTER, b"(" + b"K\x01" * 30 + b"t")),
    "an array without its state": whole(ARRAY),
    "a state twice": whole(array(dtype("f8"), POINTER) + b"(K\x01K\x01\x85NN)tb"),
    "a shared-list bomb": whole(SHARED),
    "a list that holds itself": whole(b"]\x94h\x00a"),
    "deep tuples": whole(b")" + b"\x85" * DEEP),
    "deep marks": whole(b"(" * DEEP),
    "a text longer than the file": whole(b"\x8d" + struct.pack("<Q", 2**62) + b"x"),
    "bytes longer than the file": whole(b"\x8e" + struct.pack("<Q", 2**40) + b"x"),
    "a memo beyond memory": whole(HUGE_MEMO + b"j\x01\x00\x00\x00"),
    "a number in words": whole(b"I" + b"9" * 100_000 + b"\n"),
    "a number of many bytes": whole(b"\x8b" + struct.pack("<i", 100_000) + b"\xff" * 100_000),
    "an object by its number": whole(b"\x82\x01"),
    "an object of another file": whole(b"Px\n"),
    "an empty stack": b"\x80\x04.",
    "an unknown instruction": whole(b"\xff"),
    "an unknown protocol": b"\x80\xff\xff",
    "a class that is no dtype": whole(named("numpy", "ndarray") + b")R"),
    "a range without end": whole(
        named("pandas.core.indexes.base", "_new_Index") + named("pandas", "RangeIndex")
        + b"}(" + text("start") + b"K\x00" + text("stop") + b"\x8a\x09" + b"\xff" * 8 + b"\x00"
        + text("step") + b"K\x00u\x86R"
    ),
    "a key that is no text": b"\x80\x04}K\x01K\x02s.",
    "a set": pickle.dumps({"a": {1}}),
    "a complex number": pickle.dumps({"a": 1j}),
    "a frame of dates": pickle.dumps({"a": pd.DataFrame({"x": pd.to_datetime(["2000-01-01"])})}),
    "a frame of categories": pickle.dumps({"a": pd.DataFrame({"x": ["u"]}, dtype="category")}),
    "objects in an array": pickle.dumps({"a": np.array([[], {}], dtype=object)}),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickle_ends_in_one_line(tmp_path, case):
    (tmp_path / "t.pkl").write_bytes(HOSTILE[case])
    with pytest.raises(DataError) as caught:
        read_bundle(tmp_path / "t.pkl")
    assert str(tmp_path / "t.pkl") in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def frame(columns):
    made = pd.DataFrame({n: pd.Series(v, dtype=t) for n, (v, t) in columns.items()})
    made.columns = pd.Index(list(columns), dtype=object)
    return made


def test_one_list_named_in_many_arrays_is_refused(tmp_path):
    once = b"](" + b"N" * 90_000 + b"e\x94"
    many = b"".join(
        array(dtype("O8"), b"h\x00", b"J" + struct.pack("<i", 90_000) + b"\x85") for _ in range(99)
    )
    (tmp_path / "t.pkl").write_bytes(whole(once + many))
    with pytest.raises(DataError, match="larger in memory"):
        read_bundle(tmp_path / "t.pkl")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself", "nothing", "null"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "t.pkl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = "/dev/zero"
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "null":
        path = "a\0b"
    with pytest.raises(DataError, match="cannot read"):
        read_bundle(path)


def test_file_of_a_thousand_gigabytes_is_refused_at_once(tmp_path):
    with (tmp_path / "t.pkl").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(DataError, match="more than half of this machine's memory"):
        read_bundle(tmp_path / "t.pkl")


def test_sparse_file_that_starts_like_a_bundle_is_refused_at_its_first_zero(tmp_path):
    with (tmp_path / "t.pkl").open("wb") as file:
        file.write(b"\x80\x04}")
        file.truncate(10**9)
    with pytest.raises(DataError, match="damaged"):
        read_bundle(tmp_path / "t.pkl")


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("order", "<>")
def test_arrays_are_read_in_every_protocol_and_byte_order(tmp_path, protocol, order):
    values = np.array([[1.5, -2.0, np.nan], [4.0, 5.0, 6.0]])
    made = frame({"a": (values[0], float), "b": (values[1], float), "c": (["x", "y", "z"], object)})
    made["a"] = made["a"].to_numpy().astype(f"{order}f8")
    (tmp_path / "t.pkl").write_bytes(pickle.dumps({"f": made}, protocol))
    pd.testing.assert_frame_equal(
        read_bundle(tmp_path / "t.pkl")["f"], made.astype({"a": float}), check_column_type=True
    )


# --- the contract ---------------------------------------------------------------------------------

STATS = frame({name: ([1], object if name == "method" else float) for name in STATISTICS})
STATS["method"] = pd.Series(["ff"], dtype=object)
BUNDLE = dict.fromkeys(KEYS) | {
    "ff_returns": frame({"smb": ([0.1], float)}),
    "fama_stats": STATS,
    **{"panel_id": "bgn_0", "model": "bgn", "chars": ["size"], "start": 4, "end": 5},
}
BROKEN = {
    "a key is missing": {"end": ...},
    "a key too many": {"more": 1},
    "statistics without a column": {"fama_stats": STATS.drop(columns="hjd")},
    "statistics of texts": {"fama_stats": STATS.assign(mean=pd.Series(["x"], dtype=object))},
    "methods that are numbers": {"fama_stats": STATS.assign(method=1.0)},
    "empty statistics": {"fama_stats": STATS[:0]},
    "statistics that are a number": {"model_stats": 3},
    "returns of texts": {"ff_returns": frame({"smb": (["x"], object)})},
    "a mean that is not finite": {"fama_stats": STATS.assign(mean=np.nan)},
    "a month, method and penalty twice": {"fama_stats": pd.concat([STATS[:1], STATS[:1]])},
    "a month twice": {"ff_returns": BUNDLE["ff_returns"].iloc[[0, 0]]},
    "a column twice": {
        "ff_returns": pd.DataFrame([[1.0, 2.0]], columns=pd.Index(["a", "a"], dtype=object))
    },
    "columns that are numbers": {"ff_returns": pd.DataFrame([[1.0]], columns=[1])},
    "a month that is a text": {"start": "4"},
    "a month that is true": {"start": True},
    "a month beyond all": {"end": 10**300},
    "a name that is a number": {"panel_id": 3},
    "characteristics that are a text": {"chars": "size"},
}


@pytest.mark.parametrize("case", BROKEN)
def test_bundle_that_breaks_the_contract_is_refused(tmp_path, case):
    items = {k: v for k, v in (BUNDLE | BROKEN[case]).items() if v is not ...}
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(items))
    with pytest.raises(DataError, match="is not a bundle: "):
        read_checked_bundle(tmp_path / "t.pkl")


def test_bundle_that_keeps_the_contract_is_read(tmp_path):
    (tmp_path / "t.pkl").write_bytes(pickle.dumps(BUNDLE))
    assert list(read_checked_bundle(tmp_path / "t.pkl")) == list(KEYS)

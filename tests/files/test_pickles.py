"""Bundles are read without trusting them."""

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from truepremia.errors import DataError
from truepremia.files.bundle import write_bundle
from truepremia.files.restricted_pickle import HARMLESS, read_bundle

SOURCES = sorted((Path(__file__).resolve().parents[2] / "src").rglob("*.py"))


def frame(columns) -> pd.DataFrame:
    """Return a frame as bundles hold them: object dtype for text and labels."""
    made = pd.DataFrame({n: pd.Series(v, dtype=t) for n, (v, t) in columns.items()})
    made.columns = pd.Index(list(columns), dtype=object)
    return made


ITEMS = {
    "ff_returns": frame({"smb": ([0.1, np.nan], float)}).set_index(pd.Index([3, 4], name="month")),
    "fama_stats": frame({"method": (["ff", "fm"], object), "month": ([3, 4], np.int64)}),
    "model_premia_proj": None,
    "chars": ["size", "bm"],
    "start": 40,
}


def test_bundle_is_read_as_it_was_written(tmp_path):
    write_bundle(tmp_path / "t.pkl", ITEMS)
    items = read_bundle(tmp_path / "t.pkl")
    assert list(items) == list(ITEMS)
    for key, value in ITEMS.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(items[key], value)
        else:
            assert items[key] == value


class Call:
    """Pickles as a call of ``module.name(*arguments)``."""

    def __init__(self, module: str, name: str, *arguments: object):
        self.raw = b"".join(
            [
                *(b"\x80\x04\x8c", bytes([len(module)]), module.encode()),
                *(b"\x8c", bytes([len(name)]), name.encode(), b"\x93"),
                *(pickle.dumps(arguments, 4)[2:-1], b"R."),
            ]
        )


DANGEROUS = {
    "a shell": Call("os", "system", "touch {}"),
    "a shell under its other name": Call("posix", "system", "touch {}"),
    "code": Call("builtins", "eval", "open('{}', 'w')"),
    "code by numpy": Call("numpy.testing._private.utils", "runstring", "open('{}', 'w')", {}),
    "code by pandas": Call("pandas", "eval", "open('{}', 'w')"),
    "another pickle by pandas": Call("pandas", "read_pickle", "{}"),
    "a module behind numpy": Call("numpy.ctypeslib._ctypeslib", "os.system", "touch {}"),
    "dots in a name": Call("numpy", "os.system", "touch {}"),
    "attributes": Call("builtins", "getattr", "", "upper"),
    "this package": Call("truepremia.files.formats", "write_json", "{}", {}),
    "a file": Call("numpy", "fromfile", "{}"),
}


@pytest.mark.parametrize("danger", DANGEROUS)
def test_pickle_that_would_run_code_is_refused_by_name(tmp_path, danger):
    trace, file = tmp_path / "trace", tmp_path / "t.pkl"
    raw = DANGEROUS[danger].raw
    file.write_bytes(raw.replace(b"{}", b"t"))
    with pytest.raises(DataError, match="which no bundle does") as caught:
        read_bundle(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    assert list(tmp_path.iterdir()) == [file]


def test_pickles_made_for_this_test_do_run_when_they_are_trusted(tmp_path, monkeypatch):
    """Otherwise the test above would prove nothing."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(Call("os", "system", "touch trace").raw)
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "it is empty"),
        (pickle.dumps(ITEMS, 4)[:-40], "truncated"),
        (b"no pickle", "it is no pickle"),
        (pickle.dumps([1, 2]), "is a list, expected a dictionary"),
    ],
    ids=["empty", "truncated", "text", "list"],
)
def test_file_that_is_no_bundle_is_named(tmp_path, raw, said):
    (tmp_path / "t.pkl").write_bytes(raw)
    with pytest.raises(DataError, match=said) as caught:
        read_bundle(tmp_path / "t.pkl")
    assert str(tmp_path / "t.pkl") in str(caught.value)


def test_only_numpy_pandas_and_builtins_are_let_in():
    assert {name.split(".")[0] for name in HARMLESS} == {"builtins", "numpy", "pandas"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: "_".join(f.parts[-2:]))
def test_package_never_runs_a_pickle(file):
    code = file.read_text()
    assert not re.findall(
        r"pickle\.loads?\b|read_pickle|Unpickler|allow_pickle=True|joblib\.(?:load|dump)", code
    )

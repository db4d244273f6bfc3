"""The quick look at a bundle in the terminal."""

import pickle

import numpy as np
import pandas as pd
import pytest

from truepremia.commands.cli import main


def frame(columns, index=None) -> pd.DataFrame:
    """Return a frame as bundles hold them: texts and labels are plain objects."""
    typed = {
        name: pd.Series(values, index, dtype=object if isinstance(values[0], str) else None)
        for name, values in columns.items()
    }
    made = pd.DataFrame(typed)
    made.columns = pd.Index(list(columns), dtype=object)
    return made


BUNDLE = {
    "ff_returns": frame({"smb": [0.25, -0.5]}, pd.Index([40, 41], name="month")),
    "fama_stats": frame(
        {
            "month": [40, 41],
            "method": ["ff", "ff"],
            "alpha": [0.0, 0.0],
            "stdev": [0.1, 0.2],
            "mean": [0.04, 0.01],
            "xret": [0.3, np.nan],
            "hjd": [0.5, 0.25],
        }
    ),
    **dict.fromkeys(("fm_returns", "model_premia_taylor", "model_premia_proj", "model_stats")),
    **{"panel_id": "bgn_3", "model": "bgn", "chars": ["size"], "start": 40, "end": 41},
}


@pytest.fixture
def shown(tmp_path, capsys):
    def of(content):
        path = tmp_path / "bgn_3_fama.pkl"
        path.write_bytes(content)
        status = main(["show", str(path)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return of


def test_bundle_is_described_by_keys_shapes_ranges_and_summary(shown):
    status, text, errors = shown(pickle.dumps(BUNDLE))
    assert (status, errors) == (0, "")
    lines = [line.split() for line in text.splitlines()]
    assert lines[0][:5] == ["bgn_3:", "months", "40", "to", "41,"]
    assert "ff_returns: 2 rows x 1 columns" in text
    assert ["smb", "-0.5", "-0.125", "0.25", "0.5303", "0"] in lines
    assert ["xret", "0.3", "0.3", "0.3", "NaN", "1"] in lines
    assert "model_premia_proj: not in this economy" in text
    # Sharpe: the mean of 0.4 and 0.05.
    assert ["ff", "0.0", "0.225", "0.375", "0.025", "0.15", "0.3"] in lines


@pytest.mark.parametrize("content", [b"", b"# text", pickle.dumps([1]), pickle.dumps({})], ids=str)
def test_other_files_are_refused_in_one_line(shown, content):
    status, text, errors = shown(content)
    assert (status, text) == (1, "")
    assert errors.startswith("truepremia: error: ")
    assert len(errors.splitlines()) == 1
    assert "name a bundle such as results/bgn_0_fama.pkl" in errors


def test_missing_file_is_named(tmp_path, capsys):
    assert main(["show", str(tmp_path / "none.pkl")]) == 1
    assert "none.pkl" in capsys.readouterr().err

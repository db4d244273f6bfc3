"""Every script of the gallery draws its figure, in miniature."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


def test_the_gallery_has_its_scripts():
    assert 8 <= len(EXAMPLES) <= 12


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_a_script_draws_one_figure(script, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setenv("TRUEPREMIA_SMALL", "1")
    with mpl.rc_context():
        plt.switch_backend("agg")
        plt.close("all")
        runpy.run_path(str(script))
        assert len(plt.get_fignums()) == 1
        axes = plt.gcf().axes
        assert axes
        assert all(ax.has_data() for ax in axes)
        assert all(ax.get_xlabel() or ax.get_ylabel() or ax.get_xticklabels() for ax in axes)
        plt.close("all")

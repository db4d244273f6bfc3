import pickle

import numpy as np
import pytest

from truepremia.economies.registry import ECONOMIES
from truepremia.files.bundle import KEYS


@pytest.mark.parametrize("model", [name for name in ECONOMIES if name != "bgn"])
def test_every_other_economy_ends_in_a_complete_bundle(empty_workplace, model):
    """The tests beside this one run bgn; the contract is the same for all."""
    place = empty_workplace
    place.snakemake(f"{place.results.name}/{model}_0_fama.pkl").succeeded()
    bundle = pickle.loads((place.results / f"{model}_0_fama.pkl").read_bytes())
    assert tuple(bundle) == KEYS
    assert (bundle["panel_id"], bundle["model"]) == (f"{model}_0", model)
    economy = ECONOMIES[model]
    assert bundle["chars"] == list(economy.characteristics)
    for loading in ("taylor", "proj"):
        premia = bundle[f"model_premia_{loading}"]
        if loading in economy.loadings:
            assert list(premia.columns) == bundle["chars"]
            assert np.isfinite(premia.to_numpy()).all()
        else:
            assert premia is None
    assert list(bundle["model_stats"]["method"].unique()) == list(economy.loadings)
    for table in ("fama_stats", "model_stats"):
        assert np.isfinite(bundle[table].select_dtypes("number").to_numpy()).all()

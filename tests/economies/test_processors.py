"""What other instructions change: the last bits, by no more than docs/conventions.md promises."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_features__ as features

from truepremia.economies.registry import ECONOMIES
from truepremia.files.provenance import processor
from truepremia.panel import Size

SIZE = Size(firms=60, months=6, burnin=30)
SEED = 7
NEEDS = {"Nehalem": "SSE42", "Sandybridge": "AVX", "Haswell": "FMA3"}
"""Kernels of OpenBLAS, oldest first, and what a processor needs to run them."""

NEWER = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
"""Instructions of numpy above those that every processor has."""

# Sums of up to 1e3 products round by 1e-13 of the largest; the fixed point of gs21 is only solved
# up to 1e-10, and two kernels stop at different points within that.
TOLERANCE = {"gs21": 1e-9}
ALL_OTHERS = 1e-12


def numbers(name):
    """Return panel, aggregates and moments of a small panel as one array for each column."""
    from conftest import laboratory_of

    lab = laboratory_of(name)
    panel = lab.simulate(SIZE, seed=SEED)
    found = {f"panel {column}": panel[column] for column in panel.columns}
    found |= {f"aggregate {column}": values for column, values in panel.aggregates.items()}
    known = [lab.economy.moments(lab.solution, state) for state in lab.states(panel)]
    found["mean"] = np.stack([month.mean for month in known])
    covariance = [m.exposure @ m.exposure.T + np.diag(m.residual) for m in known]
    return found | {"covariance": np.stack(covariance)}


def under(kernel, without, name, folder):
    """Return :func:`numbers` of an economy under one BLAS kernel, numpy without instructions."""
    file = folder / f"{kernel}.npz"
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}
    environment["NPY_DISABLE_CPU_FEATURES"] = without
    tests = str(Path(__file__).parents[1])  # the conftest of economies, not another wing's
    environment["PYTHONPATH"] = os.pathsep.join([tests, *sys.path])
    subprocess.run([sys.executable, __file__, file, name], env=environment, check=True)
    with np.load(file) as archive:
        return dict(archive)


@pytest.mark.skipif(processor()["blas_kernel"] == "unknown", reason="BLAS is not OpenBLAS")
@pytest.mark.skipif(not features.get("FMA3"), reason="no other kernel to compare with")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "gs21")) for n in sorted(ECONOMIES)]
)
def test_other_kernels_change_no_more_than_the_last_bits(name, tmp_path):
    kernels = [kernel for kernel, feature in NEEDS.items() if features.get(feature)]
    old = under(kernels[0], NEWER, name, tmp_path)
    new = under(kernels[-1], "", name, tmp_path)
    assert str(old.pop("kernel")) == kernels[0]
    assert str(new.pop("kernel")) == kernels[-1]
    assert set(old) == set(new)
    for column, values in new.items():
        if values.dtype.kind != "f":
            assert np.array_equal(old[column], values), column
            continue
        largest, change = np.abs(values).max(), np.abs(old[column] - values).max()
        assert change <= TOLERANCE.get(name, ALL_OTHERS) * largest, column


if __name__ == "__main__":
    np.savez(sys.argv[1], kernel=np.array(processor()["blas_kernel"]), **numbers(sys.argv[2]))

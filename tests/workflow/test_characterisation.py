"""Every number of the three first economies, to the bit, at full size and in miniature.

The digests in ``characterisation.json`` were made before the house was rebuilt. A change that
moves a byte changes them in its own commit, which says which byte and why; the items of the bundle
do not change. Make them again with ``python tests/workflow/test_characterisation.py``.
"""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
from miniature import REPOSITORY, Workplace

STORED = Path(__file__).with_name("characterisation.json")
SUFFIXES = (".csv", ".npz", ".parquet", ".pkl")

# Kernels of linear algebra differ by processor and round differently: fix one that all have.
ONE_KERNEL = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
}
ECONOMIES = ("bgn", "kp14", "gs21")
RUNS = {
    "full size": [],
    "miniature": ["--configfile", str(REPOSITORY / "config" / "test.yaml")],
}


def digests(folder: Path, configuration: list[str]) -> dict[str, str]:
    """Build the default panels and the report in ``folder`` and return a digest of every file."""
    run = Workplace(REPOSITORY, folder).command(
        *("all", "report", "--cores", "2"), *configuration, **ONE_KERNEL
    )
    assert run.status == 0, run.text
    (results,) = folder.glob("results*")
    return {
        str(file.relative_to(results)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(results.rglob("*"))
        if file.suffix in SUFFIXES
    }


@pytest.mark.parametrize("run", RUNS)
def test_no_byte_of_the_results_has_changed(run, tmp_path):
    stored = json.loads(STORED.read_text())[run]
    found = digests(tmp_path, RUNS[run])
    assert {file: found.get(file) for file in stored} == stored


if __name__ == "__main__":
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    made = {}
    for name, arguments in RUNS.items():
        with tempfile.TemporaryDirectory() as temporary:
            made[name] = digests(Path(temporary), arguments)
    STORED.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")

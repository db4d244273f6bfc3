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
import yaml
from miniature import REPOSITORY, Workplace

from truepremia.economies.registry import ECONOMIES

STORED = Path(__file__).with_name("characterisation.json")
SUFFIXES = (".csv", ".npz", ".parquet", ".pkl")

# Kernels of linear algebra differ by processor and round differently: fix one that all have.
ONE_KERNEL = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
}
FIRST = ("bgn", "kp14", "gs21")
RUNS: dict[str, list[Path]] = {
    "full size": [],
    "miniature": [REPOSITORY / "config" / "test.yaml"],
}


def digests(folder: Path, overlays: list[Path]) -> dict[str, str]:
    """Build a panel of each of the first economies and the report, and digest every file."""
    panels = folder / "panels.yaml"
    panels.write_text(yaml.safe_dump({"panels": {e: int(e in FIRST) for e in ECONOMIES}}))
    files = [str(file) for file in (*overlays, panels)]
    run = Workplace(REPOSITORY, folder).command(
        *("all", "report", "--cores", "2", "--configfile", *files), **ONE_KERNEL
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

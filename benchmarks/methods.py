"""CPU time and memory of every configured method on one panel, each in a process of its own.

    python benchmarks/methods.py                          # bgn, 1,000 firms, 720 months
    python benchmarks/methods.py --economy kp14 --firms 2000 --methods ipca dkkm
    python benchmarks/methods.py --linear                 # the ratio of twice the firms and months

Forming, fitting and judging all portfolios of a method, reading not counted. Ratios are measured
in one run on the same machine; memory is what stands on top of the panel and its moments.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.parallel import ONE_THREAD  # noqa: E402

os.environ.update(ONE_THREAD)

from truepremia.judgement.engine import judge  # noqa: E402
from truepremia.panel import Size  # noqa: E402
from truepremia.workflow.config import load_config_file  # noqa: E402
from truepremia.workflow.laboratory import Trial  # noqa: E402

CONFIG = load_config_file(ROOT / "config" / "config.yaml")


def measured(method: str, economy: str, firms: int, months: int) -> dict[str, float]:
    """Judge one method in this process and return its CPU seconds and its megabytes."""
    trial = Trial.simulate(economy, Size(firms, months, CONFIG.size.burnin), CONFIG.window)
    entry = CONFIG.methods[method]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    settings = {key: getattr(CONFIG, key) for key in ("empty_cells", "model_factor_weights")}
    with entry.made(settings) as made:
        judge(made, trial.panel.cross_sections(), trial.moments, trial.setting(method), method)
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "megabytes": (peak - before) / 1024}


def in_own_process(method: str, economy: str, firms: int, months: int) -> dict[str, float]:
    """Measure one method in a fresh process, so that memory is its own."""
    command = [sys.executable, __file__, "--one", method, "--economy", economy]
    command += ["--firms", str(firms), "--months", str(months)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print one line for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--economy", default="bgn")
    parser.add_argument("--firms", type=int, default=CONFIG.size.firms)
    parser.add_argument("--months", type=int, default=CONFIG.size.months)
    parser.add_argument("--methods", nargs="+", default=list(CONFIG.methods))
    parser.add_argument("--linear", action="store_true", help="also at twice the firms and months")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    size = (chosen.firms, chosen.months)
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.economy, *size)))
        return
    print(f"{chosen.economy}, {size[0]} firms, {size[1]} months, window {CONFIG.window}")
    for method in chosen.methods:
        found = in_own_process(method, chosen.economy, *size)
        line = f"{method:10} {found['seconds']:8.1f} CPU s {found['megabytes']:8.0f} MB"
        if chosen.linear:
            judged = size[1] - CONFIG.window
            firms = in_own_process(method, chosen.economy, 2 * size[0], size[1])
            months = in_own_process(method, chosen.economy, size[0], size[1] + judged)
            line += f"   twice the firms x{firms['seconds'] / found['seconds']:.2f}"
            line += f"   twice the judged months x{months['seconds'] / found['seconds']:.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()

"""CPU time of the report of many panels, from a few finished ones.

    python benchmarks/report.py 100 results/bgn_0_manifest.json results/kp14_0_manifest.json

Every panel is summarised as often as it takes to have that many in all; every copy reads its
files again. Start-up of the workflow's jobs comes on top and is measured by ``benchmarks/stages``.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.simulations import read_solution
from truepremia.report.contents import caption
from truepremia.report.figures import report_figures, save, style
from truepremia.report.finished import Finished
from truepremia.report.gather import gather
from truepremia.report.page import EconomyPart, economy_part, report_page
from truepremia.report.summary import summarise
from truepremia.report.tables import report_tables
from truepremia.report.writing import write_report_table

SECONDS: dict[str, float] = {}


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Add the CPU seconds of the block to those of ``part``."""
    start = time.process_time()
    yield
    SECONDS[part] = SECONDS.get(part, 0.0) + time.process_time() - start


def report(manifest_file: Path, copies: int, folder: Path) -> EconomyPart:
    """Summarise a panel ``copies`` times and make the part of its economy."""
    manifest = json.loads(manifest_file.read_text())
    model, results = economy(manifest["config"]["model"]), manifest_file.parent
    names = [name for name in manifest["files"] if name != "bundle"]
    home = results / "panels" / manifest["panel_id"]
    tables = {name: home / f"{name}.parquet" for name in names}
    summaries = []
    with timed("summaries"):
        for index in range(copies):
            summary = summarise(model, manifest, tables)
            config = {**manifest["config"], "index": str(index)}
            summaries.append({**summary, "panel_id": f"{model.name}_{index}", "config": config})
    panels = gather(model, summaries)
    with timed("tables"):
        for table in report_tables(panels):
            text = caption("table", table.name)
            write_report_table(table, text, folder / f"{model.name}_{table.name}")
    params = model.parameters(manifest["config"]["calibration"])
    solution = read_solution(results / "solutions" / f"{model.name}.npz", model, params)
    with timed("figures"), style():
        for name, figure in report_figures(panels, Finished(model, manifest, tables), solution):
            save(figure, folder, f"{model.name}_{name}")
    return economy_part(panels, folder, folder)


def main(count: int, manifests: list[Path]) -> None:
    """Print the CPU seconds of a report of ``count`` panels."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        share = -(-count // len(manifests))
        parts = [report(file, share, folder) for file in manifests]
        with timed("page"):
            (folder / "report.html").write_text(report_page(parts, [], []), encoding="utf-8")
        size = (folder / "report.html").stat().st_size
    for part, seconds in SECONDS.items():
        print(f"{part:10} {seconds:6.1f} CPU s")
    print(f"{'all':10} {sum(SECONDS.values()):6.1f} CPU s for {share * len(manifests)} panels")
    print(f"the page has {size / 1e6:.1f} MB; with imports {time.process_time():.1f} CPU s")


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(path) for path in sys.argv[2:]])

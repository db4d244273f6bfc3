"""Draw the figures of an economy."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.formats import read_json
from truepremia.files.simulations import read_solution
from truepremia.plotting import save, style
from truepremia.report.figures import report_figures
from truepremia.report.finished import Finished
from truepremia.report.gather import gather, read_summaries
from truepremia.report.shown import shown_methods
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    tables = dict(snakemake.input.items())
    summaries, manifest, solved = (tables.pop(n) for n in ("summaries", "manifest", "solution"))
    methods = shown_methods(model.loadings, settings["methods"])
    panels = gather(model, read_summaries(summaries), methods)
    shown = Finished(model, read_json(manifest), tables, methods)
    solution = read_solution(solved, model, model.parameters(settings["calibration"]))
    folder = Path(snakemake.output.shown[0]).parent
    with style():
        for name, figure in report_figures(panels, shown, solution):
            save(figure, folder, f"{model.name}_{name}")
    logger.info("figures of %d panels, time series of %s", len(panels.names), shown.panel_id)

"""Solve an economy for its prices."""

from truepremia.economies.registry import economy
from truepremia.files.formats import write_json
from truepremia.files.simulations import write_solution
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    solution = model.solve(model.parameters(settings["calibration"]))
    diagnostics = model.report(solution)
    write_solution(snakemake.output.solution, solution)
    write_json(snakemake.output.diagnostics, diagnostics)
    logger.info("solved %s", model.title)

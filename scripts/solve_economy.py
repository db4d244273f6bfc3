"""Solve an economy for its prices."""

from truepremia.economies import economy
from truepremia.economy_files import write_solution
from truepremia.stage import logger, running
from truepremia.store import write_json

with running(snakemake) as settings:
    model = economy(settings["model"])
    solution = model.solve(model.parameters(settings["calibration"]))
    write_solution(snakemake.output.solution, solution)
    write_json(snakemake.output.diagnostics, dict(solution.diagnostics))
    logger.info("solved %s", model.title)

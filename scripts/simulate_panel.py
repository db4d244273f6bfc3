"""Simulate a panel of firms and write it month by month."""

from truepremia.economies.registry import economy
from truepremia.files.simulations import read_solution, write_simulation
from truepremia.panel import Size
from truepremia.seeds import Streams
from truepremia.workflow.job import logger, running, with_progress

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    params = model.parameters(settings["calibration"])
    solution = read_solution(snakemake.input.solution, model, params)
    size = Size(settings["firms"], settings["months"], settings["burnin"])
    streams = Streams(settings["seed"], model.name, int(settings["index"]))
    simulation = model.simulate(solution, size, streams, settings["undefined_growth"])
    written = write_simulation(
        simulation, model, panel_id, snakemake.output, settings["undefined_growth"]
    )
    for _ in with_progress(written, size.end):
        pass
    logger.info("simulated %d firms over %d months", size.firms, size.months)

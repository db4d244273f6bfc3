"""Compute the exact conditional moments of a panel and certify its prices."""

from truepremia.economies import economy
from truepremia.economy_files import read_cross_sections, read_solution, read_states
from truepremia.moment_files import moment_writer
from truepremia.stage import logger, running, with_progress
from truepremia.store import TableFile

with running(snakemake) as settings:
    inputs = snakemake.input
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    solution = read_solution(inputs.solution, model, model.parameters(settings["calibration"]))
    aggregates = TableFile(inputs.aggregates, "aggregates", panel_id).read()
    firms = settings["firms"]
    states = read_states(inputs.states, model, panel_id, solution, aggregates, firms)
    panel = read_cross_sections(inputs.panel, panel_id, model.layout_with())
    first = settings["burnin"] + settings["window"]
    with moment_writer(snakemake.output, panel_id, first) as writer:
        months = zip(states, panel, aggregates["sdf"], strict=True)
        for state, cross_section, sdf in with_progress(months, settings["months"]):
            errors = model.euler_errors(solution, state)
            writer.append(model.moments(solution, state), cross_section, sdf, errors)
    logger.info("largest Euler error %.1e", writer.largest_error)

"""Compute the exact conditional moments of a panel and certify its prices."""

from truepremia.economies.registry import economy
from truepremia.files.formats import TableFile
from truepremia.files.moments import StoredMonth, moment_writer
from truepremia.files.simulations import read_cross_sections, read_solution, read_states
from truepremia.workflow.job import in_order, logger, running, with_progress

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

    def stored(known):
        """Return what is stored of one month."""
        state, cross_section, sdf = known
        errors = model.euler_errors(solution, state)
        moments = model.moments(solution, state)
        return StoredMonth.reduce(moments, cross_section, sdf, errors, first)

    months = in_order(stored, zip(states, panel, aggregates["sdf"], strict=True), snakemake.threads)
    with moment_writer(snakemake.output, panel_id) as writer:
        for month in with_progress(months, settings["months"]):
            writer.append(month)
    logger.info("largest Euler error %.1e", writer.largest_error)

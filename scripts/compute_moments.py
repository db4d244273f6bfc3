"""Compute the exact conditional moments of a panel and certify its prices."""

from truepremia.economies.registry import economy
from truepremia.files.formats import TableFile
from truepremia.files.moments import StoredMonth, moment_writer
from truepremia.files.simulations import read_excess_returns, read_solution, read_states
from truepremia.parallel import in_order
from truepremia.workflow.job import logger, running, with_progress

with running(snakemake) as settings:
    inputs = snakemake.input
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    solution = read_solution(inputs.solution, model, model.parameters(settings["calibration"]))
    aggregates = TableFile(inputs.aggregates, "aggregates", panel_id).read()
    firms = settings["firms"]
    states = read_states(inputs.states, model, panel_id, solution, aggregates, firms)
    earned = read_excess_returns(inputs.panel, panel_id)
    first = settings["burnin"] + settings["window"]

    def stored(month):
        """Return what is stored of one month."""
        state, excess_return, sdf = month
        errors = model.euler_errors(solution, state)
        moments = model.moments(solution, state)
        return StoredMonth.reduce(moments, excess_return, sdf, errors, first)

    known = zip(states, earned, aggregates["sdf"], strict=True)
    months = in_order(stored, known, snakemake.threads)
    with moment_writer(snakemake.output, panel_id) as writer:
        for month in with_progress(months, settings["months"]):
            writer.append(month)
    logger.info("largest Euler error %.1e", writer.largest_error)

"""Judge the portfolios of the bundled methods of a panel by its exact moments."""

from truepremia.economies.registry import economy
from truepremia.files.factors import read_factor_returns, write_statistics
from truepremia.files.moments import read_moments
from truepremia.files.simulations import read_cross_sections
from truepremia.judgement.statistics import Judged, portfolio_statistics
from truepremia.methods.registry import FAMA, bundled
from truepremia.workflow.job import logger, running

LEAST_SQUARES = (0.0,)

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    inputs, methods = snakemake.input, bundled(model.loadings)
    judged = [
        Judged(
            name,
            method.make(settings),
            read_factor_returns(inputs[method.returns], method.returns, panel_id),
            tuple(settings["alphas"]) if name in FAMA else LEAST_SQUARES,
        )
        for name, method in methods.items()
    ]
    statistics = portfolio_statistics(
        judged,
        read_cross_sections(inputs, panel_id, model.layout),
        read_moments(inputs.moments, panel_id),
        settings["window"],
    )
    for table in ("fama_stats", "model_stats"):
        rows = [s for s in statistics if methods[s.method].statistics == table]
        write_statistics(snakemake.output[table], table, panel_id, rows)
    logger.info("%d rows of statistics", sum(len(s.month) for s in statistics))

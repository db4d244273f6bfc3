"""Judge the portfolios of all factors of a panel by its exact moments."""

from truepremia.economies.registry import economy
from truepremia.files.factors import read_factor_returns, write_statistics
from truepremia.files.moments import read_moments
from truepremia.files.simulations import read_cross_sections
from truepremia.judgement.statistics import Judged, portfolio_statistics
from truepremia.methods.fama_french import FamaFrench
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.model_implied import ModelImplied
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    inputs, alphas = snakemake.input, tuple(settings["alphas"])
    ff, fm = FamaFrench(settings["empty_cells"]), FamaMacBeth()
    fama = [
        Judged(method, read_factor_returns(path, f"{method.name}_returns", panel_id), alphas)
        for method, path in ((ff, inputs.ff), (fm, inputs.fm))
    ]
    latent = [
        Judged(
            ModelImplied(name, settings["model_factor_weights"]),
            read_factor_returns(inputs[f"latent_{name}"], f"latent_{name}", panel_id),
            alphas=(0.0,),
        )
        for name in model.loadings
    ]
    statistics = portfolio_statistics(
        fama + latent,
        read_cross_sections(inputs.panel, panel_id, model.layout),
        read_moments(inputs.moments, panel_id),
        settings["window"],
    )
    output = snakemake.output
    write_statistics(output.fama_stats, "fama_stats", panel_id, statistics[: len(fama)])
    write_statistics(output.model_stats, "model_stats", panel_id, statistics[len(fama) :])
    logger.info("%d rows of statistics", sum(len(s.month) for s in statistics))

"""Extract the model-implied premia and the latent factors of a panel."""

from truepremia.economies.registry import economy
from truepremia.files.factors import write_factor_returns
from truepremia.files.simulations import read_cross_sections
from truepremia.methods.model_implied import ModelImplied, model_premia
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    method = ModelImplied(settings["loading"], settings["model_factor_weights"])
    panel = read_cross_sections(snakemake.input.panel, panel_id, model.layout_with(method.name))
    premia, latent = model_premia(method, panel)
    write_factor_returns(snakemake.output.premia, f"model_premia_{method.name}", panel_id, premia)
    write_factor_returns(snakemake.output.latent, f"latent_{method.name}", panel_id, latent)
    logger.info("%d months of %s", len(premia.month), ", ".join(premia.names))

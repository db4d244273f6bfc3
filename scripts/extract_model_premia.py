"""Extract the model-implied premia and the latent factors of a panel."""

from truepremia.economies.registry import economy
from truepremia.files.factors import write_factor_returns
from truepremia.files.simulations import read_cross_sections
from truepremia.methods.model_implied import model_premia
from truepremia.methods.registry import BUNDLED
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    bundled = BUNDLED[settings["loading"]]
    panel = read_cross_sections(snakemake.input, panel_id, model.layout_with(bundled.name))
    premia, latent = model_premia(bundled.make(settings), panel)
    output = snakemake.output
    write_factor_returns(output.premia, f"model_premia_{bundled.name}", panel_id, premia)
    write_factor_returns(output.latent, bundled.returns, panel_id, latent)
    logger.info("%d months of %s", len(premia.month), ", ".join(premia.names))

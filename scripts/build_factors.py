"""Build the factors of a bundled method from the cross-sections of a panel."""

from truepremia.economies.registry import economy
from truepremia.files.factors import write_factor_returns
from truepremia.files.simulations import read_cross_sections
from truepremia.methods.contract import factor_returns
from truepremia.methods.registry import BUNDLED
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    bundled = BUNDLED[settings["method"]]
    panel = read_cross_sections(snakemake.input, panel_id, model.layout_with())
    factors = factor_returns(bundled.make(settings), panel, snakemake.threads)
    write_factor_returns(snakemake.output.returns, bundled.returns, panel_id, factors)
    logger.info("%d months of %s", len(factors.month), ", ".join(factors.names))

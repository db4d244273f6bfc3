"""Build the Fama-French or Fama-MacBeth factors of a panel."""

from truepremia.economies.registry import economy
from truepremia.files.factors import write_factor_returns
from truepremia.files.simulations import read_cross_sections
from truepremia.methods.contract import factor_returns
from truepremia.methods.fama_french import FamaFrench
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    method = FamaFrench(settings["empty_cells"]) if settings["method"] == "ff" else FamaMacBeth()
    panel = read_cross_sections(snakemake.input.panel, panel_id, model.layout_with())
    factors = factor_returns(method, panel)
    write_factor_returns(snakemake.output.returns, f"{method.name}_returns", panel_id, factors)
    logger.info("%d months of %s", len(factors.month), ", ".join(factors.names))

"""Export a store as a panel for the laboratory of methods."""

from truepremia.files.formats import read_json, write_table
from truepremia.tidy.files import naming
from truepremia.tidy.formations import holdings
from truepremia.tidy.monthly import total_returns
from truepremia.tidy.panel_export import PANEL_COLUMNS, store_panel
from truepremia.tidy.profiles import options_of
from truepremia.tidy.tables import read_accounts, read_riskless, read_stocks, read_variables
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, name = snakemake.input, settings["store"]
    report = read_json(inputs.report)
    stocks, accounts = read_stocks(inputs.stocks, name), read_accounts(inputs.accounts, name)
    variables = read_variables(inputs.variables, name)
    total, warning = total_returns(stocks, variables, read_riskless(inputs.published, name))
    with naming(report):
        options = options_of(settings, report)
        held = holdings(stocks, accounts, options, variables.get("permco"))
        panel = store_panel(held, stocks, total)
    if warning:
        logger.warning("%s", warning)
    write_table(snakemake.output.panel, "store_panel", name, panel, PANEL_COLUMNS)
    logger.info("%d stock months", len(panel["month"]))

"""Replicate momentum, the reversals, and portfolios sorted as the configuration asks."""

from truepremia.files.formats import read_json, write_json
from truepremia.tidy.files import naming, write_replicated
from truepremia.tidy.formations import holdings
from truepremia.tidy.general_sorts import plans_of, sort_store
from truepremia.tidy.profiles import options_of
from truepremia.tidy.tables import read_accounts, read_riskless, read_stocks, read_variables
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, output, name = snakemake.input, snakemake.output, settings["store"]
    report = read_json(inputs.report)
    stocks, accounts = read_stocks(inputs.stocks, name), read_accounts(inputs.accounts, name)
    variables = read_variables(inputs.variables, name)
    riskless = read_riskless(inputs.published, name)
    options, plans = options_of(settings, report), plans_of(settings["sorts"])
    with naming(report):
        held = holdings(stocks, accounts, options, variables.get("permco"))
        found = sort_store(plans, held, stocks, accounts, variables, riskless)
    for warning in found.planned.warnings:
        logger.warning("%s", warning)
    write_replicated(output.momentum, "momentum", name, found.momentum)
    write_replicated(output.sorts, "sorts", name, found.planned.portfolios)
    write_replicated(output.breakpoints, "sort_breakpoints", name, found.planned.breakpoints)
    write_json(output.report, {"store": name, "warnings": found.planned.warnings})
    logger.info("%d months of momentum, %d sorts", len(found.momentum["month"]), len(plans))

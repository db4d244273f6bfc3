"""Replicate the factors with two years of accounts, and portfolios on profitability."""

from truepremia.files.formats import read_json
from truepremia.tidy.exercises import op_portfolios, two_years
from truepremia.tidy.files import naming, write_replicated
from truepremia.tidy.formations import holdings
from truepremia.tidy.profiles import options_of
from truepremia.tidy.tables import read_accounts, read_stocks, read_variables
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, output, name = snakemake.input, snakemake.output, settings["store"]
    report = read_json(inputs.report)
    options = options_of(settings, report)
    stocks, accounts = read_stocks(inputs.stocks, name), read_accounts(inputs.accounts, name)
    variables = read_variables(inputs.variables, name)
    with naming(report):
        held = holdings(stocks, accounts, options, variables.get("permco"))
    filtered, (portfolios, edges) = two_years(held), op_portfolios(held)
    if not len(portfolios["month"]):
        logger.warning("the store has no operating profitability, op_portfolios is empty")
    write_replicated(output.two_years, "two_years", name, filtered)
    write_replicated(output.op_portfolios, "op_portfolios", name, portfolios)
    write_replicated(output.op_breakpoints, "op_breakpoints", name, edges)
    logger.info("%d months with two years of accounts", len(filtered["month"]))

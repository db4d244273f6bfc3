"""Replicate the Fama-French factors from the tables of a store."""

from truepremia.files.formats import read_json
from truepremia.tidy.files import naming, write_replication
from truepremia.tidy.profiles import options_of
from truepremia.tidy.replication import replicate
from truepremia.tidy.tables import read_accounts, read_stocks, read_variables
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, name = snakemake.input, settings["store"]
    report = read_json(inputs.report)
    options = options_of(settings, report)
    stocks, accounts = read_stocks(inputs.stocks, name), read_accounts(inputs.accounts, name)
    variables = read_variables(inputs.variables, name)
    with naming(report):
        replication = replicate(stocks, accounts, options, variables.get("permco"))
    for warning in replication.report["warnings"]:
        logger.warning("%s", warning)
    write_replication(snakemake.output, name, replication)
    logger.info("profile %s: %d months", options.profile, replication.report["months"])

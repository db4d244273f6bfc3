"""Read a Tidy-Finance store of any edition into typed tables."""

from truepremia.tidy.files import write_store
from truepremia.tidy.layouts import choice_of
from truepremia.tidy.reading import read_store
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    store = read_store(snakemake.input.store, choice_of(settings))
    for warning in store.report["warnings"]:
        logger.warning("%s", warning)
    write_store(snakemake.output, settings["store"], store)
    logger.info("%s; %d stock months", store.report["edition"], len(store.stocks.month))

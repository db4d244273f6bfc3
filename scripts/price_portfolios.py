"""Test factors and characteristics on the size x book-to-market portfolios of a store."""

from truepremia.files.formats import read_json, write_json
from truepremia.tidy.files import naming
from truepremia.tidy.frames import read_frame, write_csv
from truepremia.tidy.french_files import french_files, with_series
from truepremia.tidy.pricing import price
from truepremia.tidy.settings import SERIES
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    output, store = snakemake.output, settings["store"]
    portfolios, replicated, published = (
        read_frame(snakemake.input[table], table, store)
        for table in ("portfolios", "factors", "published")
    )
    momentum = read_frame(snakemake.input.momentum, "momentum", store)
    replicated = replicated.merge(momentum, on="month", how="left")
    series = french_files(snakemake.input, SERIES)
    published = with_series(published, series)
    lags = settings["newey_west_lags"]
    with naming(read_json(snakemake.input.report)):
        pricing = price(portfolios, {"replicated": replicated, "published": published}, lags)
    write_csv(output.csv, pricing.to_frame())
    write_json(output.json, {"store": store, **pricing.to_mapping()})
    for line in pricing.warnings:
        logger.warning("%s", line)
    for origin, tests in pricing.alphas.items():
        for test in tests:
            logger.info("%s, %s factors: GRS F %.3f", test.model, origin, test.grs)

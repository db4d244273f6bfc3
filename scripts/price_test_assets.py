"""Test factor models on the user's test assets."""

from truepremia.files.formats import read_json, write_json
from truepremia.tidy.asset_pricing import price_assets
from truepremia.tidy.files import naming
from truepremia.tidy.frames import read_frame, write_csv
from truepremia.tidy.french_files import french_files, read_portfolios, with_series
from truepremia.tidy.portfolio_evaluation import riskless_of
from truepremia.tidy.settings import SERIES
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, output, store = snakemake.input, snakemake.output, settings["store"]
    replicated, published, momentum = (
        read_frame(inputs[table], table, store) for table in ("factors", "published", "momentum")
    )
    factors = {
        "replicated": replicated.merge(momentum, on="month", how="left"),
        "published": with_series(published, french_files(inputs, SERIES)),
    }
    assets = next(iter(read_portfolios(inputs.french_test_assets).returns.values()))
    with naming(read_json(inputs.report)):
        excess = assets.sub(riskless_of(published), axis="index").dropna(how="all")
        pricing = price_assets(excess, factors, settings["newey_west_lags"])
    write_csv(output.csv, pricing.to_frame())
    write_json(output.json, {"store": store, **pricing.to_mapping()})
    for line in pricing.warnings:
        logger.warning("%s", line)
    logger.info("%d assets, %d months", assets.shape[1], len(excess))

"""Test factors and characteristics on the size x book-to-market portfolios of a store."""

from truepremia.stage import logger, running
from truepremia.store import write_json
from truepremia.tidy.frames import read_frame, write_csv
from truepremia.tidy.pricing import price

with running(snakemake) as settings:
    inputs, output = snakemake.input, snakemake.output
    columns = ("month", "portfolio_me", "portfolio_bm", "ret", "size", "bm")
    factors = {name: read_frame(inputs[name], ("month",)) for name in ("factors", "published")}
    factors["replicated"] = factors.pop("factors")
    pricing = price(read_frame(inputs.portfolios, columns), factors)
    write_csv(output.csv, pricing.to_frame())
    write_json(output.json, {"store": settings["store"], **pricing.to_mapping()})
    for line in pricing.warnings:
        logger.warning("%s", line)
    for origin, tests in pricing.alphas.items():
        for test in tests:
            logger.info("%s, %s factors: GRS F %.3f", test.model, origin, test.grs)

"""Draw the figures of a replication."""

from truepremia.files.formats import read_json
from truepremia.tidy.figures import Tables, draw
from truepremia.tidy.frames import read_frame
from truepremia.workflow.job import logger, running

TABLES = ("factors", "published", "rolling", "cells", "breakpoints", "formations")

with running(snakemake) as settings:
    store = settings["store"]
    frames = {table: read_frame(snakemake.input[table], table, store) for table in TABLES}
    fits = read_json(snakemake.input.evaluation)["factors"]
    tables = Tables(store, **frames, fits=fits)
    for path in snakemake.output.figures:
        draw(path, tables)
    logger.info("drew %d files", len(snakemake.output.figures))

"""Draw the figures of a replication."""

from truepremia.files.formats import read_json
from truepremia.tidy.figures import Tables, draw
from truepremia.tidy.frames import read_frame
from truepremia.tidy.french_files import french_files, with_series
from truepremia.tidy.settings import SERIES
from truepremia.workflow.job import logger, running

TABLES = ("factors", "published", "rolling", "cells", "breakpoints", "formations")

with running(snakemake) as settings:
    store = settings["store"]
    frames = {table: read_frame(snakemake.input[table], table, store) for table in TABLES}
    published = with_series(frames["published"], french_files(snakemake.input, SERIES))
    momentum = read_frame(snakemake.input.momentum, "momentum", store)
    frames["published"] = published
    frames["factors"] = frames["factors"].merge(momentum, on="month", how="outer")
    fits = read_json(snakemake.input.evaluation)["factors"]
    tables = Tables(store, **frames, fits=fits)
    figures = [path for path in snakemake.output.figures if path.endswith(".pdf")]
    for path in figures:
        draw(path, tables)
    logger.info("drew %d figures", len(figures))

"""Draw the figures of a replication."""

from truepremia.stage import logger, running
from truepremia.store import read_json
from truepremia.tidy.figures import Tables, draw
from truepremia.tidy.frames import read_frame

COLUMNS = {
    "factors": ("month", "smb", "hml"),
    "published": ("month", "smb", "hml"),
    "rolling": ("month", "factor", "r2", "slope"),
    "cells": ("month", "portfolio_me", "portfolio_bm", "ret", "stocks", "mktcap_lag"),
    "breakpoints": ("year", "variable", "probability", "value"),
    "formations": ("year", "me", "bm"),
}

with running(snakemake) as settings:
    frames = {name: read_frame(snakemake.input[name], columns) for name, columns in COLUMNS.items()}
    fits = read_json(snakemake.input.evaluation)["factors"]
    tables = Tables(settings["store"], **frames, fits=fits)
    for path in snakemake.output:
        draw(path, tables)
    logger.info("drew %d files", len(snakemake.output))

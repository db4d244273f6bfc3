"""Compare the replicated factors of a store with its published ones."""

from truepremia.stage import logger, running
from truepremia.store import read_json, write_json
from truepremia.tidy.evaluation import ROLLING_COLUMNS, evaluate, rolling_fits
from truepremia.tidy.frames import read_frame, write_csv, write_frame, write_text

with running(snakemake) as settings:
    inputs, output, store = snakemake.input, snakemake.output, settings["store"]
    replicated, published, two_years = (
        read_frame(inputs[table], table, store) for table in ("factors", "published", "two_years")
    )
    evaluation = evaluate(replicated, published, two_years)
    report = read_json(inputs.report)
    about = {"store": store, **{key: report.get(key) for key in ("edition", "profile")}}
    rolling = rolling_fits(replicated, published)
    write_frame(output.rolling, "rolling", store, rolling, ROLLING_COLUMNS)
    write_csv(output.csv, evaluation.to_frame())
    write_text(output.text, evaluation.to_text())
    write_json(output.json, about | evaluation.to_mapping())
    for line in evaluation.warnings:
        logger.warning("%s", line)
    for factor in evaluation.factors:
        logger.info("%s", factor.verdict)

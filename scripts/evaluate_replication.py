"""Compare the replicated factors of a store with its published ones."""

from truepremia.files.formats import read_json, write_json
from truepremia.tidy.evaluation import ROLLING_COLUMNS, evaluate, rolling_fits
from truepremia.tidy.files import naming
from truepremia.tidy.frames import read_frame, write_csv, write_frame, write_text
from truepremia.tidy.french_files import french_files, with_series
from truepremia.tidy.general_sorts import OF_A_SORT
from truepremia.tidy.settings import SERIES
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, output, store = snakemake.input, snakemake.output, settings["store"]
    report, profile = read_json(inputs.report), settings["profile"]
    replicated, published, two_years = (
        read_frame(inputs[table], table, store) for table in ("factors", "published", "two_years")
    )
    momentum = read_frame(inputs.momentum, "momentum", store)
    replicated = replicated.merge(momentum, on="month", how="outer")
    published = with_series(published, french_files(inputs, SERIES))
    noted = [*report["warnings"], *read_json(inputs.replication)["warnings"]]
    evaluated = set(SERIES.values()) & set(published)
    noted += [
        line
        for line in read_json(inputs.sorts)["warnings"]
        if evaluated or line.startswith(OF_A_SORT)
    ]
    with naming(report):
        lags = settings["newey_west_lags"]
        evaluation = evaluate(replicated, published, two_years, noted, lags)
    rolling = rolling_fits(replicated, published)
    about = {
        "store": store,
        "edition": report["edition"],
        "profile": report["profile"] if profile == "auto" else profile,
    }
    write_frame(output.rolling, "rolling", store, rolling, ROLLING_COLUMNS)
    write_csv(output.csv, evaluation.to_frame())
    write_text(output.text, evaluation.to_text())
    write_json(output.json, about | evaluation.to_mapping())
    for line in evaluation.warnings:
        logger.warning("%s", line)
    for factor in evaluation.factors:
        fit = factor.fit
        summary = (factor.name, fit.r2, fit.slope, fit.months)
        logger.info("%s: R2 %.4f, slope %.4f over %d months", *summary)

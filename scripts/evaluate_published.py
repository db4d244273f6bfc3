"""Evaluate and price the published series that arch and linearmodels ship."""

import pandas as pd

from truepremia.files.formats import write_json
from truepremia.tidy.frames import write_csv
from truepremia.tidy.french import evaluate_vintages, price_published
from truepremia.workflow.job import logger, running

with running(snakemake):
    output = snakemake.output
    evaluation, pricing = evaluate_vintages(), price_published()
    write_json(output.evaluation_json, evaluation.to_mapping())
    write_csv(output.evaluation_csv, evaluation.to_frame())
    write_json(output.pricing_json, {name: tests.to_mapping() for name, tests in pricing.items()})
    tables = [tests.to_frame().assign(portfolios=name) for name, tests in pricing.items()]
    write_csv(output.pricing_csv, pd.concat(tables, ignore_index=True))
    for factor in evaluation.factors:
        logger.info("%s: R2 %.4f over %d months", factor.name, factor.fit.r2, factor.fit.months)
    for name, tests in pricing.items():
        for test in tests.alphas["published"]:
            logger.info("%s, %s: GRS F %.3f", name, test.model, test.grs)

"""Reduce finished panels to the numbers that tables and figures need."""

from truepremia.economies.registry import economy
from truepremia.files.formats import read_json, write_json
from truepremia.report.shown import shown_methods
from truepremia.report.summary import summarise
from truepremia.workflow.job import logger, running, with_progress

with running(snakemake) as settings:
    model = economy(settings["model"])
    tables = dict(snakemake.input.items())
    manifests = tables.pop("manifest")
    methods = shown_methods(model.loadings, settings["methods"])

    def of_panel(k):
        """Return the tables of the k-th panel."""
        return {name: files[k] for name, files in tables.items()}

    summaries = [
        summarise(model, read_json(manifest), of_panel(k), methods)
        for k, manifest in with_progress(enumerate(manifests), len(manifests), "panel")
    ]
    write_json(snakemake.output.summaries, {"panels": summaries})
    logger.info("summarised %d panels", len(summaries))

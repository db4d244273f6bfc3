"""Write the report as one HTML page."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.formats import replacing
from truepremia.report.gather import gather, read_summaries
from truepremia.report.page import economy_part, report_page, store_part, uncovered
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    page = Path(snakemake.output.page)
    summaries = read_summaries(snakemake.input.summaries)
    of_model = {
        model: [s for s in summaries if s["config"]["model"] == model]
        for model in settings["economies"]
    }
    economies = [
        economy_part(gather(economy(model), found), page.parent / "tables", page.parent / "figures")
        for model, found in of_model.items()
    ]
    stores = [store_part(name, Path(folder)) for name, folder in settings["stores"].items()]
    missing = uncovered(of_model, settings["left_out"], settings["stores"])
    with replacing(page) as temporary:
        temporary.write_text(report_page(economies, stores, missing), encoding="utf-8")
    logger.info("%d economies, %d stores", len(economies), len(stores))

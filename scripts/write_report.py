"""Write the report as one HTML page."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.formats import replacing
from truepremia.report.gather import gather, read_summaries
from truepremia.report.page import board_part, economy_part, report_page, store_parts, uncovered
from truepremia.report.shown import shown_methods
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    page, shown = Path(snakemake.output.page), settings["contents"]
    summaries = read_summaries(snakemake.input.summaries)
    of_model = {
        model: [s for s in summaries if s["config"]["model"] == model]
        for model in shown["economies"]
    }
    economies = [
        economy_part(
            gather(economy(model), found, shown_methods(economy(model).loadings, {})),
            page.parent / "tables",
            page.parent / "figures",
        )
        for model, found in of_model.items()
    ]
    stores, board = store_parts(snakemake.input.stores), board_part(snakemake.input.leaderboard)
    missing = uncovered(of_model, shown["left_out"], shown["stores"])
    with replacing(page) as temporary:
        text = report_page(economies, stores, missing, board)
        temporary.write_text(text, encoding="utf-8")
    logger.info("%d economies, %d stores", len(economies), len(stores))

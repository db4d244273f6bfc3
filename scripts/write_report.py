"""Write the report as one HTML page."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.formats import replacing
from truepremia.methods.registry import BUNDLED
from truepremia.report.gather import gather, read_summaries
from truepremia.report.overview import overview
from truepremia.report.page import (
    board_part,
    economy_part,
    evaluations,
    report_page,
    store_parts,
    uncovered,
)
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
    missing = uncovered(of_model, shown["switched_off"], shown["left_out"], shown["stores"])
    performance = {
        economy(model).title: page.parent / "tables" / f"{model}_performance.csv"
        for model in of_model
    }
    truths = [name for name, kind in BUNDLED.items() if "loading" in kind.options]
    beginning = overview(performance, truths, evaluations(snakemake.input.stores))
    with replacing(page) as temporary:
        text = report_page(economies, stores, missing, board, beginning)
        temporary.write_text(text, encoding="utf-8")
    logger.info("%d economies, %d stores", len(economies), len(stores))

"""Write the tables of an economy as CSV, LaTeX and HTML."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.report.contents import caption
from truepremia.report.gather import gather, read_summaries
from truepremia.report.tables import report_tables
from truepremia.report.writing import write_report_table
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    panels = gather(economy(settings["model"]), read_summaries(snakemake.input.summaries))
    folder = Path(snakemake.output.shown[0]).parent
    for table in report_tables(panels):
        write_report_table(
            table, caption("table", table.name), folder / f"{settings['model']}_{table.name}"
        )
    logger.info("tables of %d panels", len(panels.names))

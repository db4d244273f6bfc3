"""Export a simulated panel as a Tidy-Finance store."""

from truepremia.tidy.demo import export_store
from truepremia.tidy.settings import DemoRules
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    panel_id = f"{settings['model']}_{settings['index']}"
    rules = DemoRules(**settings["demo"])
    rows = export_store(snakemake.output.store, snakemake.input, panel_id, rules)
    logger.info("%s simulated: %s", panel_id, ", ".join(f"{n} {t}" for t, n in rows.items()))

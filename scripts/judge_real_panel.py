"""Run one method through a panel of real stocks and record what its portfolios earn."""

from truepremia.files.factors import write_verdict
from truepremia.files.real_panels import RealPanel
from truepremia.judgement.engine import judge
from truepremia.methods.contract import Setting
from truepremia.methods.entry import Entry
from truepremia.seeds import Streams
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    panel_id, name = settings["panel"], settings["method"]
    panel = RealPanel.read(snakemake.input.panel, settings["window"])
    entry = Entry.from_mapping(name, settings["entry"])
    generator = Streams(settings["seed"], panel_id, 0).method(name)
    setting = Setting(panel.names, settings["window"], tuple(settings["alphas"]), generator)
    with entry.made(settings) as method:
        verdict = judge(method, panel.cross_sections(), None, setting, name=f"{name} on {panel_id}")
    write_verdict(snakemake.output, name, panel_id, verdict)
    logger.info("%d months, %d rows of statistics", panel.months, len(verdict.statistics.month))

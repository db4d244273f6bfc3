"""Run one method through a simulated panel and judge its portfolios by the truth."""

from truepremia.economies.registry import economy
from truepremia.files.factors import write_verdict
from truepremia.files.moments import read_moments
from truepremia.files.simulations import read_cross_sections
from truepremia.judgement.engine import judge
from truepremia.methods.contract import Setting, uses_truth
from truepremia.methods.entry import Entry
from truepremia.seeds import Streams
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id, name = f"{model.name}_{settings['index']}", settings["method"]
    streams = Streams(settings["seed"], model.name, int(settings["index"]))
    entry = Entry.from_mapping(name, settings["entry"])
    setting = Setting(
        model.characteristics,
        settings["window"],
        tuple(settings["alphas"]),
        streams.method(name),
    )
    with entry.made(settings) as method:
        layout = model.layout if uses_truth(method) else model.layout_with()
        verdict = judge(
            method,
            read_cross_sections(snakemake.input, panel_id, layout),
            read_moments(snakemake.input.moments, panel_id),
            setting,
            name=f"{name} on {panel_id}",
        )
    write_verdict(snakemake.output, name, panel_id, verdict)
    logger.info("%d rows of statistics", len(verdict.statistics.month))

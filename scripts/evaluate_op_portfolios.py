"""Compare portfolios on operating profitability with Kenneth French's own."""

from truepremia.files.formats import read_json, write_json
from truepremia.tidy.figures import draw_portfolios
from truepremia.tidy.files import naming
from truepremia.tidy.frames import read_frame, write_csv, write_text
from truepremia.tidy.french_files import read_breakpoints, read_portfolios
from truepremia.tidy.portfolio_evaluation import evaluate_portfolios, riskless_of
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    inputs, output, store = snakemake.input, snakemake.output, settings["store"]
    names = {"portfolios": "op_portfolios", "edges": "op_breakpoints", "published": "published"}
    frames = {name: read_frame(inputs[name], kind, store) for name, kind in names.items()}
    theirs = read_portfolios(inputs.french_op_portfolios)
    edges = inputs.get("french_op_breakpoints")
    with naming(read_json(inputs.report)):
        evaluation = evaluate_portfolios(
            frames["portfolios"],
            theirs,
            riskless_of(frames["published"]),
            frames["edges"],
            read_breakpoints(edges) if edges else None,
        )
    write_csv(output.csv, evaluation.to_frame())
    write_json(output.json, {"store": store, **evaluation.to_mapping()})
    write_text(output.text, evaluation.to_text())
    draw_portfolios(output.figures[0], store, evaluation)
    for line in evaluation.diagnosis:
        logger.info("%s", line)

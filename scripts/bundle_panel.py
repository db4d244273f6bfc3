"""Bundle the results of a panel and write its manifest."""

from pathlib import Path

from truepremia.economies.registry import economy
from truepremia.files.bundle import bundle, write_bundle
from truepremia.files.formats import write_json
from truepremia.files.manifest import certificates, manifest
from truepremia.files.records import require_digests
from truepremia.workflow.job import logger, running

with running(snakemake) as settings:
    model = economy(settings["model"])
    panel_id = f"{model.name}_{settings['index']}"
    files = dict(snakemake.input.items())
    items = bundle(model, panel_id, files, settings["burnin"], settings["months"])
    write_bundle(snakemake.output.bundle, items)
    accuracy = certificates(files["sdf"], panel_id, files["diagnostics"])
    files["bundle"] = snakemake.output.bundle
    content = manifest(panel_id, settings, files, accuracy)
    digests = {
        Path(path): content["files"][name]["sha256"] for name, path in snakemake.input.items()
    }
    require_digests(Path(snakemake.output.manifest).parent, digests)
    write_json(snakemake.output.manifest, content)
    logger.info("bundled %s", panel_id)

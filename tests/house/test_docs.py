"""Every command and snippet of the documents works, in the folder of somebody who reads them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from documents import ROOT, Block, blocks, documents, name_of
from miniature import ERROR_PREFIX, RESULTS, Workplace

from truepremia.commands import cli, judge
from truepremia.commands.check_method import split

COLUMNS = 100
SECONDS = 600

TUTORIAL = ROOT / "docs" / "own-method.md"
MODULE = ROOT / "docs" / "use-as-module.md"

READERS_OWN = {
    "mine.yaml": "panels: {bgn: 2}\n",
    "data/tidy_finance.sqlite": "",
    "data/tidy-finance/crsp_monthly.parquet": "",
    "data/Portfolios_Formed_on_OP_CSV.zip": "",
    "data/OP_Breakpoints_CSV.zip": "",
    "data/F-F_Momentum_Factor_CSV.zip": "",
    "data/25_Portfolios_5x5_CSV.zip": "",
    "config/economies/bgn_patient.yaml": (ROOT / "config" / "economies" / "bgn.yaml").read_text(),
}
"""What documents take for granted that a reader has written or downloaded."""

CHECK = """
import sys
from pathlib import Path
from truepremia.workflow.config import load_overlay
from truepremia.workflow.documents import read_yaml
load_overlay(read_yaml(sys.argv[1]), Path(sys.argv[2]))
"""

SHOWN = ("text", "")
"""Languages of blocks that are read and not run."""


# --- where documents are read --------------------------------------------------------------------


@dataclass
class Reader:
    """Somebody who follows a document, block by block."""

    repository: Path
    folder: Path
    printed: str = ""
    fails: bool = False

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a command in the folder and remember what it printed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
        done = subprocess.run(
            arguments,
            cwd=self.folder,
            env=environment | {"PATH": path, "PYTHONPATH": str(self.repository / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.printed += done.stdout
        return done

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def must(self, *arguments: str) -> None:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout

    def plan(self, arguments: list[str]) -> None:
        """Let Snakemake plan what it would run; -n first, so that it cannot mend the command."""
        self.must(sys.executable, "-m", "snakemake", "-n", *arguments)


@pytest.fixture(scope="session")
def judged(shared_runs, finished) -> Workplace:
    """Return miniature results with the leaderboard of the method that the tutorial writes."""

    def start() -> Workplace:
        folder = shared_runs.folder / "judged"
        shutil.copytree(finished.folder, folder)
        for block in blocks(TUTORIAL):
            if block.file == "my_method.py":
                (folder / block.file).write_text(block.text)
        return Workplace(finished.repository, folder)

    others = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["methods"]
    methods = dict.fromkeys(others, False) | {"fm": others["fm"]}
    methods["mine"] = {"file": "my_method.py", "class": "Mine"}
    targets, panels = ("leaderboard",), {"bgn": 1}
    return shared_runs.once("judged", start, targets, panels=panels, methods=methods)[0]


@pytest.fixture
def reader(judged, tmp_path) -> Reader:
    """Return somebody with a copy of the repository, one small panel and its results."""
    home = tmp_path / "truepremia"
    shutil.copytree(judged.repository, home, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copytree(judged.results, home / "results")
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-docs.lock"):
        shutil.copy2(ROOT / name, home)
    config = yaml.safe_load((home / "config" / "config.yaml").read_text())
    sizes = yaml.safe_load((home / "config" / "test.yaml").read_text())
    config |= {key: value for key, value in sizes.items() if key != "results_dir"}
    config["panels"] = dict.fromkeys(config["panels"], 0) | {"bgn": 1}
    (home / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    found = Reader(home, home)
    for name, text in READERS_OWN.items():
        found.write(name, text)
    return found


# --- how each kind of block is run ---------------------------------------------------------------


def run_python(reader: Reader, block: Block) -> None:
    if block.file:
        reader.write(block.file, block.text)
        compile(block.text, block.file, "exec")
    else:
        reader.must(sys.executable, "-W", "error", "-c", block.text)


def run_yaml(reader: Reader, block: Block) -> None:
    """Check what is laid over the configuration, and lay it there: mine.yaml if it has no name."""
    reader.write(block.file or "mine.yaml", block.text)
    real = [p for p in _panels(block) if isinstance(p, dict)]
    for panel in real:
        reader.write(panel["file"], "")
    reader.must(sys.executable, "-c", CHECK, block.file or "mine.yaml", str(reader.repository))
    with_command = re.match(r"# \S+:\s+snakemake (.*)", block.text)
    if with_command:
        reader.plan(with_command[1].split())


def _panels(block: Block) -> list[object]:
    return list(yaml.safe_load(block.text).get("panels", {}).values())


def run_snakefile(reader: Reader, block: Block) -> None:
    assert block.file, "a workflow must say its file in its first line"
    reader.write(block.file, block.text)


def run_commands(reader: Reader, block: Block) -> None:
    reader.printed = ""
    for words in block.commands:
        assert words[0] in COMMANDS, f"nobody has said how to try {words[0]!r}"
        COMMANDS[words[0]](reader, words[1:])


def make(reader: Reader, arguments: list[str]) -> None:
    reader.must("make", "-n", *arguments)


def snakemake(reader: Reader, arguments: list[str]) -> None:
    if "--unlock" in arguments:
        reader.must(sys.executable, "-m", "snakemake", *arguments)
        return
    if "--report" in arguments:  # a picture of finished results
        at = arguments.index("--report")
        arguments = arguments[:at] + arguments[at + 2 :]
    reader.plan(arguments)


def python(reader: Reader, arguments: list[str]) -> None:
    if arguments[:2] != ["-m", "truepremia"]:
        assert (ROOT / arguments[0]).is_file()
        return
    chosen = cli._parser().parse_args(arguments[2:])
    if arguments[2] == "reproduce":  # a whole run; tests/workflow/test_safety.py does it
        assert (reader.folder / chosen.manifest).is_file()
    elif arguments[2] == "test-economy":  # minutes; the tests it runs are those of every economy
        assert (reader.folder / chosen.into / chosen.name).is_dir()
    elif arguments[2] == "judge":  # a whole run: its plan is enough
        plan_judge(reader, chosen)
    else:
        done = reader.run(sys.executable, *arguments)
        assert bool(done.returncode) == reader.fails, done.stdout
        assert "Traceback" not in done.stdout


def plan_judge(reader: Reader, chosen: object) -> None:
    file, name = split(chosen.place)
    options = cli._options(chosen)
    economies = chosen.economies or list(judge.ECONOMIES)
    content = judge.overlay(file, name, options, chosen.panels, economies, chosen.all_methods)
    reader.write("judge.yaml", yaml.safe_dump(content))
    reader.plan(["leaderboard", "--cores", "1", "--configfile", "judge.yaml"])


def pytest_command(reader: Reader, arguments: list[str]) -> None:
    del reader
    for argument in arguments:
        if argument.startswith("tests"):
            assert (ROOT / argument.split("::")[0]).exists(), argument


def container(reader: Reader, arguments: list[str]) -> None:
    """Check a recipe that is built, or the command that is given to its image."""
    del reader
    if arguments[0] == "build":
        recipes = [a for a in arguments if a.endswith(".def")] or ["Dockerfile"]
        assert all((ROOT / recipe).is_file() for recipe in recipes), arguments
        return
    image = next(i for i, a in enumerate(arguments) if a in ("truepremia", "truepremia.sif"))
    cli._parser().parse_args(arguments[image + 1 :])


def nothing(reader: Reader, arguments: list[str]) -> None:
    """Accept a command of the shell that has no place in a test."""
    del reader, arguments


Runner = Callable[[Reader, list[str]], None]

COMMANDS: dict[str, Runner] = {
    "make": make,
    "snakemake": snakemake,
    "python": python,
    "pytest": pytest_command,
    "docker": container,
    "apptainer": container,
    "source": nothing,
    "export": nothing,
}

BLOCKS: dict[str, Callable[[Reader, Block], None]] = {
    "python": run_python,
    "yaml": run_yaml,
    "snakemake": run_snakefile,
    "sh": run_commands,
    "inline": run_commands,
}


def check_shown(reader: Reader, block: Block, line_of: str) -> None:
    """Check that commands print what the text below them says they do."""
    for line in block.text.splitlines():
        assert line in reader.printed, f"{line_of}: never printed: {line}\n{reader.printed}"


HISTORY = ROOT / "CHANGELOG.md"
RUN = [
    document
    for document in documents()
    if document != HISTORY and any(block.language in BLOCKS for block in blocks(document))
]


# --- the tests -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=name_of)
def test_every_command_and_snippet_of_a_document_works(reader, monkeypatch, document):
    if document == MODULE:
        reader.folder = reader.folder.parent / "study"
        reader.folder.mkdir()
        (reader.folder / "truepremia").symlink_to(reader.repository)
    monkeypatch.chdir(reader.folder)
    before = None
    for block, after in pairwise([*blocks(document), None]):
        reader.fails = after is not None and ERROR_PREFIX in after.text
        place = f"{name_of(document)}, line {block.line}"
        if block.language in BLOCKS:
            try:
                BLOCKS[block.language](reader, block)
            except Exception as error:
                raise AssertionError(f"{place}: {error}") from error
        else:
            assert block.language in SHOWN, f"{place}: nobody has said how to try this"
            if before and (before.language, before.section) == ("sh", block.section):
                check_shown(reader, block, place)
        before = block


def test_there_is_nothing_to_run_in_blocks_without_a_language():
    for document in documents():
        for block in blocks(document):
            starts = re.match(r"(snakemake|make|python|pytest|import|from)\b", block.text)
            assert block.language or not starts, f"{name_of(document)}, line {block.line}"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_prose_wraps(document):
    fenced, long = False, []
    for number, line in enumerate(document.read_text().splitlines(), start=1):
        fenced ^= line.lstrip().startswith("```")
        exempt = fenced or re.match(r"\s*\||    ", line) or re.search(r"\]\(|https?://", line)
        if len(line) > COLUMNS and not exempt:
            long.append(number)
    assert not long, f"lines {long} have more than {COLUMNS} columns"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_links_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#")):
            path = (document.parent / target.partition("#")[0]).resolve()
            assert path.exists(), f"{target} is not there"


def test_results_of_the_documents_are_the_miniature_ones(judged):
    assert (judged.folder / RESULTS / "leaderboard" / "headline.csv").is_file()

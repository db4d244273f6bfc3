"""Fenced blocks and commands of the documents."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COMMAND = r"(?:snakemake|make|pytest|python -m truepremia)"
NAMED = re.compile(r"# ([\w./-]+\.(?:py|ya?ml)|Snakefile[\w.]*)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, or the commands within a line of its text."""

    line: int
    language: str
    text: str
    section: int
    """How many headings stand above it."""

    @property
    def file(self) -> str | None:
        """Name of the file that the block is, as its first line says."""
        named = NAMED.match(self.text)
        return named[1] if named else None

    @property
    def commands(self) -> list[list[str]]:
        lines = self.text.replace("\\\n", " ").splitlines()
        split = [shlex.split(line, comments=True) for line in lines]
        return [words for words in split if words]


def documents() -> list[Path]:
    """Return every document that readers are sent to."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    others = [*(ROOT / "config").glob("*.md"), *(ROOT / "results").glob("*.md")]
    return [*top, *others, *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document and its inline commands, in order."""
    found, prose, opened, section = [], [], None, 0
    for number, line in enumerate(document.read_text().splitlines(), start=1):
        fence = re.match(r"\s*```(\w*)\s*$", line)
        if fence and opened is None:
            found += _inline(prose, section)
            opened, prose, inside = (number, fence[1]), [], []
        elif fence:
            found.append(Block(*opened, "\n".join(inside) + "\n", section))
            opened = None
        elif opened is not None:
            inside.append(line)
        else:
            section += line.startswith("#")
            prose.append((number, line))
    assert opened is None, f"{document}: the block of line {opened} has no end"
    return [*found, *_inline(prose, section)]


def _inline(prose: list[tuple[int, str]], section: int) -> list[Block]:
    """Return commands that stand within sentences; a line may break inside one."""
    found = []
    text = "\n".join(line for _, line in prose)
    for match in re.finditer(rf"`({COMMAND}(?:\s[^`]*)?)`", text):
        at = text[: match.start()].count("\n")
        command = " ".join(match[1].split())
        if command not in ("make", "snakemake", "pytest", "python -m truepremia"):
            found.append(Block(prose[at][0], "inline", command, section))
    return found

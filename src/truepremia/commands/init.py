"""Write a commented settings file to start from."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError
from truepremia.workflow.place import ROOT

PREFACE = """\
# Settings of truepremia. What is left out keeps its default. Every key below is commented out and
# shows its default: take the "# " away from those you change. Then:
#   truepremia run --configfile {file}
# A run with other settings makes the panels of its results_dir again: give each its own folder.
results_dir: results

"""


def write_overlay(file: Path) -> list[str]:
    """Write the file and return what to do next.

    Raises
    ------
    ConfigError
        If the file exists already, or cannot be written.
    """
    if not str(file).isprintable():
        raise ConfigError(f"{file}: must be a name that can be printed, such as config.yaml")
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.writelines(_lines(file))
    except FileExistsError:
        raise ConfigError(f"{file} exists; name another file or remove it first") from None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; name a file that can be written") from None
    return [
        f"wrote {file}, with every setting and its default",
        f"next: truepremia run {next(iter(ECONOMIES))}_0 --configfile {quote(str(file))}",
    ]


def _lines(file: Path) -> Iterator[str]:
    """Yield the lines of the default configuration, its keys as comments."""
    yield PREFACE.format(file=quote(str(file)))
    text = (ROOT / "config" / "config.yaml").read_text(encoding="utf-8")
    for line in text.splitlines(keepends=True)[2:]:
        if line.startswith("results_dir:"):
            yield "# results_dir stands at the top of this file.\n"
        elif line.startswith("#") or not line.strip():
            yield line
        else:
            yield f"# {line}"

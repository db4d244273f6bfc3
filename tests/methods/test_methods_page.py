"""docs/methods.md names every kind and every option with its default."""

from pathlib import Path

import pytest
import yaml

from truepremia.methods.registry import KINDS, REQUIRED

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "methods.md").read_text()


def section_of(kind: str) -> str:
    return next(
        part for part in PAGE.split("\n## ") if f"\n`{kind}`" in part or f", `{kind}`" in part
    )


@pytest.mark.parametrize("kind", KINDS)
def test_kind_and_its_options_are_on_the_page(kind):
    section = section_of(kind)
    for name, option in KINDS[kind].options.items():
        assert f"`{name}`" in section
        rows = [line for line in section.splitlines() if line.startswith(f"| `{name}` |")]
        if rows and option.default is not REQUIRED:
            said = rows[0].split("|")[2].strip()
            if said.startswith("`"):
                assert yaml.safe_load(said.strip("`")) == option.default


def test_prose_wraps_at_100_columns():
    assert all(len(line) <= 100 for line in PAGE.splitlines() if not line.startswith("|"))

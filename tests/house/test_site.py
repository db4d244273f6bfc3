"""The pages of the site, before Sphinx builds them: all there, and written from the code."""

import importlib.util
import re

import pytest
import yaml
from documents import ROOT

from truepremia import columns
from truepremia.commands.cli import _parser
from truepremia.economies.registry import ECONOMIES


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("stage", ROOT / "docs" / "site" / "stage.py")
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    folder = tmp_path_factory.mktemp("site")
    stage.main(folder)
    return folder


def test_every_page_is_in_a_table_of_contents_and_every_entry_is_a_page(site):
    listed = set()
    for index in site.glob("*.rst"):
        listed |= set(re.findall(r"^   ([\w/-]+)$", index.read_text(), re.MULTILINE))
    pages = {p.relative_to(site).with_suffix("").as_posix() for p in site.rglob("*.[mr]*")}
    pages = {p for p in pages if (site / f"{p}.md").exists() or (site / f"{p}.rst").exists()}
    assert pages - {"index"} == listed - {"gallery/index"}


def test_links_between_pages_lead_to_pages(site):
    for page in site.rglob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s#]+)", text):
            if not target.startswith("http"):
                assert (page.parent / target).resolve().is_file(), (page, target)


def test_the_reference_lists_all_keys_columns_and_commands(site):
    written = {p.stem: p.read_text() for p in (site / "reference").glob("*.rst")}
    schema = yaml.safe_load((ROOT / "config/schemas/config.schema.yaml").read_text())
    for key in schema["properties"]:
        assert f"``{key}``" in written["keys"]
    every = [columns.STATISTICS_COLUMNS, columns.VERDICT_COLUMNS, columns.REALISED_COLUMNS]
    every += [e.columns(k) for e in ECONOMIES.values() for k in ("panel", "aggregates", "states")]
    for name in {name for described in every for name in described}:
        assert f"``{name}``" in written["columns"]
    choices = next(a.choices for a in _parser()._actions if a.dest != "help" and a.choices)
    for command in choices:
        assert f"\n{command}\n---" in written["commands"]

"""The pages of the site, before Sphinx builds them: all there, and written from the code."""

import importlib.util
import re

import pytest
import yaml
from documents import ROOT

from truepremia import columns
from truepremia.commands.cli import _parser
from truepremia.economies.registry import ECONOMIES


def script(name):
    """Return a script of docs/site as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    script("stage").main(folder)
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
    for key in (*schema["properties"], "tidy.demo.nyse", "tidy.stores.*.profile", "panels.*"):
        assert f"``{key}``" in written["keys"]
    every = [columns.STATISTICS_COLUMNS, columns.VERDICT_COLUMNS, columns.REALISED_COLUMNS]
    every += [e.columns(k) for e in ECONOMIES.values() for k in ("panel", "aggregates", "states")]
    for name in {name for described in every for name in described}:
        assert f"``{name}``" in written["columns"]
    choices = next(a.choices for a in _parser()._actions if a.dest != "help" and a.choices)
    for command in choices:
        assert f"\n{command}\n---" in written["commands"]


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ('<a href="other.html#part">', None),
        ('<a href="https://example.org/">', None),
        ('<img src="data:image/png;base64,AA==">', None),
        ('<a href="lost.html">', "leads to lost.html"),
        ('<a href="other.html#lost">', "has no such place"),
        ('<a href="#lost">', "has no such place"),
        ('<script src="https://example.org/a.js"></script>', "from outside"),
        ('<link href="//example.org/a.css" rel="stylesheet">', "from outside"),
        ('<img src="lost.png">', "which is not there"),
        ('<img srcset="https://example.org/a.png 2x">', "from outside"),
        ('<p style="background: url(https://example.org/a.png)">', "from outside"),
    ],
)
def test_a_site_that_leads_nowhere_or_loads_from_outside_is_refused(tmp_path, page, fault):
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "other.html").write_text('<h1 id="part">Part</h1>')
    (tmp_path / "searchindex.js").write_text('Search.setIndex({"terms":{"word":0}})')
    found = list(script("check").faults(tmp_path))
    assert len(found) == (fault is not None)
    assert not found or fault in found[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.css", "@font-face { src: url('https://example.org/a.woff2') }"),
        ("a.css", "@import '//example.org/b.css';"),
        ("a.js", "fetch('https://example.org/a.json')"),
        ("searchindex.js", 'Search.setIndex({"terms":{}})'),
    ],
)
def test_styles_scripts_and_the_search_are_checked_too(tmp_path, file, text):
    (tmp_path / "index.html").write_text("")
    (tmp_path / "searchindex.js").write_text('Search.setIndex({"terms":{"word":0}})')
    (tmp_path / file).write_text(text)
    assert len(list(script("check").faults(tmp_path))) == 1

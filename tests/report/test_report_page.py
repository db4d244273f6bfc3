"""The page in a real browser: complete, quiet, navigable, sortable, readable, accessible."""

import csv
import itertools

import pytest
from browsing import CONTRASTS, LOWEST_CONTRAST

from truepremia.report.contents import FIGURES, TABLES

ECONOMIES = ("bgn", "kp14")


@pytest.fixture(scope="module")
def opened(browser, reported):
    """Return a function from a width to the page, its console messages and its requests."""
    address = (reported.results / "report" / "report.html").as_uri()
    pages = []

    def of(width):
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        messages, requests = [], []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page, messages, [url for url in requests if not url.startswith("data:")]

    yield of
    for page in pages:
        page.close()


@pytest.fixture(scope="module")
def page(opened):
    return opened(1280)[0]


def test_page_loads_without_messages_and_without_other_files(opened):
    page, messages, requests = opened(1280)
    assert page.title() == "truepremia: report"
    assert messages == []
    assert requests == [page.url]


def test_every_link_of_the_contents_leads_to_its_heading(page):
    links = page.locator("nav a")
    assert links.count() == 2 + len(ECONOMIES) * (1 + 1 + len(TABLES) + 1)
    for k in range(0, links.count(), 5):
        links.nth(k).click()
        name = links.nth(k).get_attribute("href").removeprefix("#")
        page.wait_for_function(
            "name => { const top = document.getElementById(name).getBoundingClientRect().top;"
            " const end = innerHeight + scrollY >= document.body.scrollHeight - 2;"
            " return end || (top >= 0 && top < 120); }",
            arg=name,
        )
    targets = page.eval_on_selector_all(
        "nav a", "links => links.map(a => document.querySelectorAll(a.getAttribute('href')).length)"
    )
    assert set(targets) == {1}


def test_tables_sort_by_full_numbers_both_ways_and_by_text(page):
    table = page.locator("#bgn-performance ~ .scroll table").first
    column = "rows => rows.map(row => Number(row.cells[2].dataset.value))"
    button = table.locator("th button").nth(2)
    rows = table.locator("tbody tr")
    before = rows.evaluate_all(column)
    assert before != sorted(before)
    button.click()
    assert rows.evaluate_all(column) == sorted(before)
    assert table.locator("th").nth(2).get_attribute("aria-sort") == "ascending"
    button.click()
    assert rows.evaluate_all(column) == sorted(before, reverse=True)
    table.locator("th button").nth(0).click()
    methods = rows.evaluate_all("rows => rows.map(row => row.cells[0].textContent)")
    assert methods == sorted(methods)
    assert table.locator("th").nth(2).get_attribute("aria-sort") is None


def test_missing_numbers_stay_at_the_end_of_a_sorted_table(page):
    sorted_rows = page.evaluate(
        "() => { const rows = [[NaN], [2], [1]];"
        " return [true, false].map(up => rows.map(r => r[0]).sort((a, b) => compare(a, b, up))"
        ".map(String)); }"
    )
    assert sorted_rows == [["1", "2", "NaN"], ["2", "1", "NaN"]]


def test_headings_sort_by_keyboard(page):
    button = page.locator("#kp14-factors ~ .scroll table").first.locator("th button").nth(2)
    button.focus()
    page.keyboard.press("Enter")
    heading = page.locator("#kp14-factors ~ .scroll table").first.locator("th").nth(2)
    assert heading.get_attribute("aria-sort") == "ascending"


def test_every_figure_is_there_whole_and_described(page):
    images = page.eval_on_selector_all(
        "img", "images => images.map(i => [i.complete, i.naturalWidth, i.alt])"
    )
    assert len(images) == len(ECONOMIES) * len(FIGURES)
    for complete, width, alt in images:
        assert complete
        assert width > 500
        assert len(alt) > 40
    assert len({alt for _, _, alt in images}) == len(images)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_never_scrolls_sideways(opened, width):
    page, messages, _ = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []


def test_text_is_readable_on_a_phone(opened):
    page, _, _ = opened(390)
    sizes = page.eval_on_selector_all(
        "p, td, th, li, figcaption", "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12
    # Contents start closed there and open on demand; wide tables scroll inside their frames.
    assert not page.locator("nav ol").first.is_visible()
    page.locator("nav summary").click()
    assert page.locator("nav ol").first.is_visible()
    frame = page.locator("#bgn-performance ~ .scroll").first
    assert frame.evaluate("e => e.scrollWidth > e.clientWidth")
    assert frame.get_attribute("tabindex") == "0"


def test_the_page_begins_with_sentences_and_a_figure_from_its_tables(page, reported):
    section = page.locator("section").first
    assert section.locator("h2").text_content() == "Summary"
    sentences = section.locator("li").all_text_contents()
    assert len(sentences) == len(ECONOMIES)
    table = reported.results / "report" / "tables" / "bgn_performance.csv"
    with table.open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] in ("ff", "fm")]
    best = max(float(row["ratio"]) for row in rows)
    assert f"{best:.0%}" in sentences[0]
    assert section.locator("svg rect").count() >= 2 * len(ECONOMIES)


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_wider_than_its_frame_says_so_until_its_end_is_seen(opened, width):
    page, _, _ = opened(width)
    page.wait_for_timeout(100)
    seen = page.eval_on_selector_all(
        ".scroll",
        "all => all.filter(e => e.checkVisibility()).map(e =>"
        " [e.scrollWidth > e.clientWidth + 2, e.previousElementSibling.checkVisibility()])",
    )
    assert all(wide == cue for wide, cue in seen)
    assert any(wide for wide, _ in seen)
    frame = page.locator("#bgn-exposures ~ .scroll, #bgn-exposures ~ details .scroll").first
    frame.evaluate("e => { e.closest('details')?.setAttribute('open', ''); e.scrollLeft = 1e6; }")
    page.wait_for_timeout(100)
    assert not frame.evaluate("e => e.previousElementSibling.checkVisibility()")


def test_headings_descend_without_gaps(page):
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4, h5, h6", "all => all.map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_text_contrasts_with_its_background(page):
    weak = [found for found in page.evaluate(CONTRASTS) if found[0] < LOWEST_CONTRAST]
    assert weak == []


def test_structure_is_named_for_screen_readers(page):
    assert page.get_attribute("html", "lang") == "en"
    assert page.locator("main").count() == 1
    regions = page.eval_on_selector_all("[role=region]", "all => all.map(e => e.ariaLabel)")
    assert all(regions)
    assert len(set(regions)) == len(regions)
    assert page.eval_on_selector_all("table", "all => all.every(t => t.caption && t.tHead)")
    assert page.eval_on_selector_all("th", "all => all.every(th => th.scope === 'col')")
    identifiers = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(set(identifiers)) == len(identifiers)

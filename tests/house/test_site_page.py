"""The built site in a real browser: quiet, readable on a phone, legible, usable by keyboard.

`make docs` builds it; docs/site/check.py has followed its links by then.
"""

import pytest
from browsing import CONTRASTS, LOWEST_CONTRAST, unavailable
from documents import ROOT

SITE = ROOT / "build" / "docs" / "html"
PAGES = (
    *("index", "first-panel", "configuration", "moments", "model-kp14", "changelog", "search"),
    *("gallery/index", "gallery/plot_ipca", "reference/keys", "reference/columns", "reference/api"),
    "reference/commands",
)
"""One of every kind, and those with the widest tables and equations."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site():
    if not (SITE / "index.html").exists():
        unavailable(f"no site: {SITE} is missing; build it with make docs")
    return SITE


@pytest.fixture
def opened(browser, site):
    """Return a function from a page to it in the browser, its complaints and its requests."""
    contexts = []

    def of(name, width=1280, colours="light"):
        contexts.append(
            browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours)
        )
        page = contexts[-1].new_page()
        complaints, requests = [], []
        page.on(
            "console",
            lambda said: said.type in ("error", "warning") and complaints.append(said.text),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / f"{name}.html").as_uri())
        return page, complaints, requests

    yield of
    for context in contexts:
        context.close()


def faint(page):
    """Return visible texts of too little contrast."""
    texts = page.evaluate(CONTRASTS)
    return [text for ratio, *text, visible in texts if visible and ratio < LOWEST_CONTRAST]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_in_silence_and_from_the_folder_alone(opened, name):
    _, complaints, requests = opened(name)
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_never_scrolls_sideways(opened, name, width):
    page, _, _ = opened(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = page.eval_on_selector_all(
        "article :is(p, li, h1, h2, img)",
        "(all, width) => all.filter(e => e.checkVisibility() && !e.closest('table, pre, .equation')"
        " && e.getBoundingClientRect().right > width + 1).map(e => e.outerHTML)",
        width,
    )
    assert beyond == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_text_stands_out_from_its_background(opened, name, colours):
    page, _, _ = opened(name, colours=colours)
    assert faint(page) == []


def test_equations_are_set_by_the_browser(opened):
    page, _, _ = opened("moments")
    heights = page.eval_on_selector_all("math", "all => all.map(e => e.clientHeight)")
    assert heights
    assert all(heights)


def test_pictures_are_there_and_described(opened):
    for name in ("index", "gallery/plot_ipca"):
        page, _, _ = opened(name)
        images = page.eval_on_selector_all(
            "article img", "all => all.map(i => [i.complete, i.naturalWidth > 300, i.alt.length])"
        )
        assert images
        for complete, wide, described in images:
            assert complete
            assert wide
            assert described > 0


def test_search_finds_words_offline(opened):
    page, complaints, _ = opened("search")
    page.goto(page.url + "?q=leaderboard")
    page.wait_for_function("document.querySelectorAll('#search-results li a').length > 2")
    assert complaints == []


def test_search_opens_and_closes_by_keyboard(opened):
    page, _, _ = opened("index")
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.matches('input[type=search]')")
    assert faint(page) == []
    page.keyboard.press("Escape")
    page.wait_for_function("!document.activeElement.matches('input[type=search]')")


def test_the_keyboard_reaches_contents_with_a_visible_ring(opened):
    page, _, _ = opened("index")
    seen = []
    for _ in range(20):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.tagName, e.textContent.trim(), s.outlineStyle !== 'none'"
                " || s.boxShadow !== 'none' || s.textDecorationLine !== 'none']; }"
            )
        )
    reached = {text for _, text, _ in seen}
    assert {"Tutorials", "Reference", "Gallery"} <= reached
    assert all(ring for element, _, ring in seen if element != "BODY")

"""Check a built site: it stands on its own, and its links lead somewhere.

``python docs/site/check.py FOLDER`` reads all pages, style sheets and scripts. Pages may link to
other sites, but they load scripts, styles, fonts and images from the folder alone, so that the site
reads the same without a network. Each fault is one line; any fault is exit code 1.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    **dict.fromkeys(("script", "img", "source", "iframe", "embed", "audio", "video"), "src"),
    **dict.fromkeys(("link", "use", "image"), "href"),
    "object": "data",
}
"""The attribute by which an element loads a file, by element."""

IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")
IN_SCRIPTS = re.compile(r"""(?:fetch|import|importScripts)\(\s*["'](?:https?:)?//""")
WORDS = re.compile(r"""\bterms"?:\s*\{[^}]""")


class Page(HTMLParser):
    """What a page loads, where its links lead, and the places that links can lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element says."""
        given = {name: value for name, value in attrs if value}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if LOADED.get(tag) in given:
            self.loaded.append(given[LOADED[tag]])
        self.loaded += [one.split()[0] for one in given.get("srcset", "").split(",") if one]
        self.loaded += IN_STYLES.findall(given.get("style", ""))


def faults(folder: Path) -> Iterator[str]:
    """Yield the faults of a built site, one line each."""
    folder = folder.resolve()
    files = (f for f in folder.rglob("*.html") if "_static" not in f.relative_to(folder).parts)
    pages = {file: Page(file) for file in sorted(files)}
    if not pages:
        yield f"{folder} has no pages"
    for file, page in pages.items():
        where = file.relative_to(folder)
        for target in page.loaded:
            yield from not_loaded(file, where, target)
        for target in page.links:
            yield from nowhere(pages, file, where, target)
    for file in sorted(folder.rglob("*.css")):
        for target in IN_STYLES.findall(file.read_text(encoding="utf-8")):
            yield from not_loaded(file, file.relative_to(folder), target)
    for file in sorted(folder.rglob("*.js")):
        if IN_SCRIPTS.search(file.read_text(encoding="utf-8")):
            yield f"{file.relative_to(folder)} loads something from outside"
    index = folder / "searchindex.js"
    if not index.exists() or not WORDS.search(index.read_text(encoding="utf-8")):
        yield "searchindex.js is missing or has no words: the search finds nothing"


def not_loaded(file: Path, where: Path, target: str) -> Iterator[str]:
    """Yield a fault if what a page or a style sheet loads is outside or is no file."""
    parts = urlsplit(target)
    if parts.scheme == "data":
        return
    if parts.scheme or parts.netloc:
        yield f"{where} loads {target} from outside"
    elif parts.path and not (file.parent / unquote(parts.path)).is_file():
        yield f"{where} loads {target}, which is not there"


def nowhere(pages: dict[Path, Page], file: Path, where: Path, target: str) -> Iterator[str]:
    """Yield a fault if a link leads to no file, or to no place of a page."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return
    there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not there.is_file():
        yield f"{where} leads to {target}, which is not there"
    elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].places:
        yield f"{where} leads to {target}, but {there.name} has no such place"


if __name__ == "__main__":
    built = Path(sys.argv[1])
    found = list(faults(built))
    print("\n".join(found) or f"{built}: links lead somewhere, nothing is loaded from outside")
    sys.exit(bool(found))

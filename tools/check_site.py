"""What is wrong with the pages of a built site: links that lead nowhere, and what other hosts are asked for.

Links to other hosts are judged by their form alone.
"""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"audio", "embed", "iframe", "img", "input", "script", "source", "track", "video"}
"""Elements whose `src` a browser loads without being asked."""


class Page(HTMLParser):
    """The links, the addresses that are loaded and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sorts an element's addresses into those that are loaded and those that are only linked."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag in LOADED and "src" in values:
            self.loaded.append(values["src"])
        if tag == "link" and "href" in values:
            self.loaded.append(values["href"])
        elif "href" in values:
            self.links.append(values["href"])


@cache
def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def find_faults(site: Path) -> list[str]:
    """What is wrong in a site, each with its page and address."""
    found = []
    for path in sorted(site.rglob("*.html")):
        page = read_page(path)
        wrong = [f"loads {address}" for address in page.loaded if urlsplit(address).netloc]
        wrong += [fault for address in [*page.loaded, *page.links] if (fault := fault_of(address, path, site))]
        found += [f"{path.relative_to(site)}: {fault}" for fault in dict.fromkeys(wrong)]
    for path in sorted(site.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        words = [word for word in ("url(http", "url(//", "@import") if word in text]
        found += [f"{path.relative_to(site)}: loads {word}" for word in words]
    return found


def fault_of(address: str, path: Path, site: Path) -> str | None:
    """What is wrong with an address in the page at `path`, if anything."""
    parts = urlsplit(address)
    if parts.scheme in ("data", "mailto"):
        return None
    if parts.scheme or parts.netloc:
        whole = parts.scheme == "https" and "." in parts.netloc and " " not in address
        return None if whole else f"no address of a page: {address}"
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if not target.is_relative_to(site) or not target.is_file():
        return f"leads nowhere: {address}"
    if target.suffix == ".html" and unquote(parts.fragment) not in read_page(target).anchors:
        return f"no such anchor: {address}"
    return None

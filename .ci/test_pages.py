"The built pages (`--site FOLDER`): each public name is there, and each page is as it should be in a browser."

import functools
import http.server
import importlib
import re
import threading
from html import unescape

import pytest
from fastcore.docments import docments
from sphinx.util.inventory import InventoryFile
from test_house import MODULES, documented, unwrap

WIDTHS = (1280, 400)  # pixels of the window: a desk, a phone
FAULTS = """() => {
    const hidden = 'pre, code, script, style, textarea, svg', width = document.documentElement.clientWidth
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), prose = []
    while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(hidden)) prose.push(walk.currentNode.data)
    const empty = e => { const b = e.querySelector('svg')?.getBoundingClientRect(); return !b || !b.width || !b.height }
    const wide = e => e.getBoundingClientRect().right > width + 1
    return [...[...document.images].filter(i => !i.naturalWidth).map(i => 'picture ' + i.src),
        ...[...document.querySelectorAll('.equation')].filter(empty).map(e => 'equation ' + e.textContent),
        ...prose.filter(t => /\\$\\$|\\\\[([]|\\\\[a-z]{3,}/.test(t)).map(t => 'equation ' + t),
        ...prose.filter(t => /\\|\\s*:?---/.test(t)).map(t => 'table ' + t),
        ...(document.documentElement.scrollWidth <= width ? [] : [...document.querySelectorAll('article *')]
            .filter(wide).slice(0, 3).map(e => 'width ' + width + ': ' + e.tagName + '.' + e.className))]
}"""
LOADED = """async () => {
    for (const image of document.images) image.loading = 'eager'
    await Promise.all([...document.images].map(image => image.decode().catch(() => 0)))
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address(pytestconfig):
    handler = functools.partial(Quiet, directory=pytestconfig.getoption("site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def faults(page, url, base):
    "What a reader would find wrong with a page: messages."
    found = []
    page.on(
        "console",
        lambda m: found.append(f"console {m.text}") if m.type == "error" and "favicon" not in str(m.location) else None,
    )
    page.on("pageerror", lambda e: found.append(f"console {e}"))
    page.on("request", lambda r: None if r.url.startswith((base, "data:", "blob:")) else found.append(f"asks {r.url}"))
    page.goto(url)
    page.evaluate(LOADED)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += page.evaluate(FAULTS)
    return found


def test_page(page, html, address, pytestconfig):
    site = pytestconfig.getoption("site").absolute()
    assert faults(page, address + str(html.relative_to(site)), address) == []
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
        if link.startswith(address):
            file, _, anchor = link.removeprefix(address).partition("#")
            file = site / (file.partition("?")[0] or "index.html")
            assert file.is_file(), link
            assert not anchor or file.suffix != ".html" or f'id="{anchor}"' in file.read_text(encoding="utf-8"), link


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ('<img src="gone.png">', "picture"),
        ("<script>undefinedName()</script>", "console"),
        ('<script src="https://example.org/x.js"></script>', "asks"),
        ("<p>$$x$$</p>", "equation"),
        ('<span class="equation"></span>', "equation"),
        ("<p>| a | b |\n| --- | --- |</p>", "table"),
        ('<div style="width: 1400px">x</div>', "width"),
    ],
)
def test_faults_are_seen(page, address, fault, seen):
    base = address + "nbs/index.html"
    page.route("https://example.org/**", lambda route: route.abort())
    page.route(base, lambda route: route.fulfill(body=f"<html><body><article>{fault}</article></body></html>"))
    assert any(f.startswith(seen) for f in faults(page, base, address))


@pytest.mark.parametrize("served", [True, False])
def test_search(page, address, served, pytestconfig):
    "Search finds a name, from a server and from files."
    base = address if served else pytestconfig.getoption("site").absolute().as_uri() + "/"
    page.goto(base + "search.html?q=soft_bound")
    page.wait_for_selector('#search-results a[href*="model/ops.html"]', timeout=15_000)


@pytest.mark.parametrize("path", MODULES)
def test_every_name_is_documented(path, pytestconfig):
    "Each public name has an entry, which says what the comments beside its parameters say."
    site = pytestconfig.getoption("site")
    with (site / "objects.inv").open("rb") as file:
        places = {n: uri for kind in InventoryFile.load(file, "", str.__add__).values() for n, uri in kind.items()}
    name = path.removesuffix(".py").replace("/", ".")
    module = importlib.import_module(name)
    assert [n for n in module.__all__ if f"{name}.{n}" not in places] == []
    files = {places[f"{name}.{n}"].uri.partition("#")[0] for n in module.__all__}
    text = words("".join((site / f).read_text(encoding="utf-8") for f in files))
    said = [d.docment for f in documented(module) for p, d in docments(unwrap(f), full=True).items() if p != "self"]
    assert [comment for comment in said if comment and words(comment) not in text] == []


def words(text):
    return re.sub(r"[\s`]+", "", unescape(re.sub(r"<[^>]*>", "", text)))

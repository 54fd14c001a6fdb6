"""Opens every page of the built site in a browser: `browse.py` after `website.py`; `--self-test` plants each fault into a page and demands that it is seen.

Looks for links that lead nowhere, pictures that do not load, errors in the console, requests that leave the machine, equations and tables that stay raw, pages wider than the window, and a search that finds nothing.
Links to other sites are only listed. Needs the system's Chromium or Chrome.
"""

import argparse
import functools
import http.server
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urldefrag

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = "chromium chromium-browser google-chrome google-chrome-stable chrome".split()
WIDTHS = 1280, 400  # pixels of the window
FACTS = """() => { const prose = [...function* () { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); while (walk.nextNode()) yield walk.currentNode }()]
        .filter(n => !n.parentElement.closest('pre, code, script, style, textarea, svg')).map(n => n.data), said = pattern => prose.filter(text => pattern.test(text))
    return ({
    links: [...document.querySelectorAll('a[href]')].map(a => a.href),
    ids: [...document.querySelectorAll('[id], a[name]')].map(e => e.id || e.name),
    pictures: [...document.images].map(i => [i.currentSrc || i.src, i.naturalWidth]),
    equations: document.querySelectorAll('.equation svg').length,
    raw: [...document.querySelectorAll('.equation')].filter(e => { const b = e.querySelector('svg')?.getBoundingClientRect(); return !b || !b.width || !b.height })
        .map(e => 'empty: ' + e.textContent).concat(said(/\\$\\$|\\\\[([]|\\\\[a-z]{3,}/)),
    tables: said(/\\|\\s*:?---/),
})}"""
WIDE = """() => { const w = document.documentElement.clientWidth
    return document.documentElement.scrollWidth <= w ? [] : [document.documentElement.scrollWidth + ' of ' + w + ' px'].concat(
        [...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > w + 1).slice(0, 3).map(e => e.tagName + '.' + e.className)) }"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(folder):
    "Address of a server of `folder`."
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def browser_path():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def browser():
    "Chromium of the system."
    from playwright.sync_api import sync_playwright

    if not (path := browser_path()):
        sys.exit("no Chromium or Chrome on this machine: install one to open the pages")
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield b
        finally:
            b.close()


def opened(b, base, path):
    "Opens a page; (its facts, faults as (check, message))."
    page, faults = b.new_page(viewport=dict(width=WIDTHS[0], height=900)), []

    def request(route):
        if route.request.url.startswith((base, "data:", "blob:")):
            route.continue_()
        else:
            faults.append(("outside", route.request.url))
            route.abort()

    page.route("**/*", request)
    page.on(
        "console",
        lambda m: (
            faults.append(("console", m.text))
            if m.type == "error" and not m.text.startswith("Failed to load resource")
            else None
        ),
    )  # those are counted as what they are
    page.on("pageerror", lambda e: faults.append(("console", str(e))))
    page.on(
        "response",
        lambda r: (
            faults.append(("missing", r.url.removeprefix(base)))
            if r.status >= 400 and r.request.resource_type != "image"
            else None
        ),
    )
    page.goto(base + path)
    page.evaluate(
        '() => { for (const i of document.images) i.loading = "eager"; return Promise.all([...document.images].map(i => i.decode().catch(() => 0))) }'
    )
    facts = page.evaluate(FACTS)
    faults += [("pictures", src.removeprefix(base)) for src, width in facts["pictures"] if not width] + [
        (what, text.strip()[:80]) for what, key in (("equations", "raw"), ("tables", "tables")) for text in facts[key]
    ]
    for width in WIDTHS:
        page.set_viewport_size(dict(width=width, height=900))
        page.wait_for_timeout(100)
        if wide := page.evaluate(WIDE):
            faults.append(("width", f"{wide[0]}: {', '.join(wide[1:])}"))
    page.close()
    return facts, faults


def dead_links(folder, base, facts):
    "(page, address) of links inside the site whose page or anchor does not exist, of the pages in `facts`."
    ids = {path: set(f["ids"]) for path, f in facts.items()}
    for path, f in facts.items():
        for href in dict.fromkeys(f["links"]):
            if not href.startswith(base):
                continue
            file, anchor = urldefrag(href[len(base) :])
            file = unquote(file).partition("?")[0] or "index.html"
            if not (folder / file).is_file() or anchor and file in ids and unquote(anchor) not in ids[file]:
                yield path, href[len(base) :]


def search_faults(b, base, query, wanted):
    "The page of search must find `wanted`."
    page = b.new_page()
    page.goto(f"{base}search.html?q={query}")
    try:
        page.wait_for_selector(f'#search-results a[href*="{wanted}"]', timeout=15_000)
    except Exception:
        yield "search", f"{query!r} does not find {wanted} at {base[:7]}"
    finally:
        page.close()


def examine(b, folder, paths, progress=False):
    "(page -> facts, faults as (page, check, message)) of the pages `paths` of a site."
    from tqdm import tqdm

    facts, faults = {}, []
    with served(folder) as base:
        for path in tqdm(paths, desc="opening pages", disable=not progress):
            facts[path], found = opened(b, base, path)
            faults += [(path, *f) for f in dict.fromkeys(found)]
        return (
            facts,
            faults + [(path, "links", href) for path, href in dead_links(folder, base, facts)],
            sorted({h for f in facts.values() for h in f["links"] if not h.startswith((base, "file:"))}),
        )


def report(folder):
    "Prints what is wrong with a site; returns how many faults."
    paths = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.html") if "_static" not in p.parts)
    with browser() as b:
        facts, faults, outside = examine(b, folder, paths, progress=True)
        with served(folder) as base:
            for address in (base, folder.as_uri() + "/"):
                faults += [("search.html", *f) for f in search_faults(b, address, "soft_bound", "05_ops.html")]
        for path in ("index.html", "core/30_schedule.html"):
            faults += [(f"{path} as a file", *f) for f in opened(b, folder.as_uri() + "/", path)[1]]
    for fault in faults:
        print(*fault, sep=": ")
    print("links to other sites, not followed:", *outside, sep="\n  ")
    count = lambda what: sum(len(f[what]) for f in facts.values())
    print(
        f"{len(facts)} pages, {count('links')} links, {count('pictures')} pictures, {sum(f['equations'] for f in facts.values())} equations, {len(faults)} faults"
    )
    if not (facts and count("links") and count("pictures")):
        print("looked at nothing")
        return 1
    return len(faults)


PLANTS = [
    ("links", "a link to no page", '<a href="gone.html">x</a>'),
    ("links", "a link to no anchor", '<a href="index.html#gone">x</a>'),
    ("pictures", "a picture that is not there", '<img src="gone.png">'),
    ("console", "an error", "<script>undefinedName()</script>"),
    ("outside", "a script from elsewhere", '<script src="https://example.org/x.js"></script>'),
    ("missing", "a script that is not there", '<script src="gone.js"></script>'),
    ("equations", "a raw equation", "<p>$$x$$</p>"),
    ("equations", "an equation in TeX", "<p>as \\alpha grows</p>"),
    ("equations", "an empty equation", '<span class="equation"></span>'),
    ("tables", "a table in Markdown", "<p>| a | b |\n| --- | --- |</p>"),
    ("width", "a box of 1400 px", '<div style="width: 1400px">x</div>'),
]


def self_test(folder):
    "How many planted faults go unseen, or are seen by another check."
    bad = 0
    with tempfile.TemporaryDirectory() as d, browser() as b:
        copy = Path(
            shutil.copytree(folder, Path(d) / "site", ignore=shutil.ignore_patterns("*.png", "core", "guides", "runs"))
        )
        clean = (copy / "index.html").read_text(encoding="utf-8")
        for name, what, html in [("", "nothing", ""), *PLANTS]:
            (copy / "index.html").write_text(clean.replace("</article>", html + "</article>", 1), encoding="utf-8")
            seen = {f for f in examine(b, copy, ["index.html"])[1]}
            if not name:
                before = seen
            elif {f[1] for f in seen - before} == {name}:
                print(f"ok   {name}: {what}")
            else:
                bad += 1
                print(f"FAIL {name}: {what}, seen by {', '.join(sorted({f[1] for f in seen - before})) or 'nothing'}")
        (copy / "searchindex.js").write_text("")
        with served(copy) as base:
            unseen = not list(search_faults(b, base, "soft_bound", "05_ops.html"))
        print("FAIL search: not seen" if unseen else "ok   search: an empty index")
    return bad + unseen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="see each check fail")
    parser.add_argument("--browser", action="store_true", help="only say which browser there is")
    args, folder = parser.parse_args(), ROOT / "_site" / "html"
    if args.browser:
        print(browser_path())
        sys.exit(not browser_path())
    if not (folder / "index.html").exists():
        sys.exit("there is no site: run  python .ci/website.py  first")
    sys.exit(bool((self_test if args.self_test else report)(folder)))

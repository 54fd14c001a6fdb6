"""Opens the guides and the runs in a real JupyterLab, in a real browser, and runs all cells.

    python .ci/lab.py                          every notebook of nbs/guides and nbs/runs
    python .ci/lab.py tour explorer            some of them
    python .ci/lab.py --screenshots FOLDER     keeps a picture of every page
    python .ci/lab.py --self-test              planted faults, each of which must be seen

The notebooks are run in a copy of the checkout. Chromium is the system's; a line per notebook says what was seen, and the exit code how it went.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT, NARROW, MAX_HEIGHT = (
    1400,
    1000,
    1000,
    8000,
)  # pixels of the window, and of a narrow one; pictures of a page grow to its height, in parts where it is higher
AT_ONCE, NOTEBOOK_SECONDS, MOVE_SECONDS = 2, 420, 60
FIRST = ("exact", "tour", "sweep", "speed")  # they take longest
ACCEPTED = r"other programs are busy here|measure_speed\(config\)"  # on standard error: speed.ipynb says so where it shares the machine, as it does here
SETTINGS = {  # of JupyterLab: no questions, and whole pages in the document, so that one picture shows all
    "apputils-extension/notification": dict(fetchNews="false", checkForUpdates=False),
    "notebook-extension/tracker": dict(windowingMode="none", scrollPastEnd=False),
}


# ---------------------------------------------------------------- a server and a browser


def browser_path():
    "The system's Chromium."
    found = next((p for name in BROWSERS if (p := shutil.which(name))), None)
    if not found:
        sys.exit(f"no browser found; install one of {', '.join(BROWSERS)} (Debian: apt-get install chromium)")
    return found


def copy_checkout(folder):
    "Tracked files, and untracked ones that git does not ignore."
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in sorted(set(out.split("\0")) - {""}):
        if not name.startswith("diffhyper/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def jupyter_lab(folder, home):
    "Address of a JupyterLab that serves `folder` and keeps everything of its own in `home`."
    for name, values in SETTINGS.items():
        (path := home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings").parent.mkdir(
            parents=True, exist_ok=True
        )
        path.write_text(json.dumps(values))
    port = free_port()
    env = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        f"--ServerApp.root_dir={folder}",
        "--expose-app-in-browser",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=log, stderr=log, env=env)
        try:
            for _ in range(240):
                if server.poll() is not None:
                    sys.exit(f"jupyter lab ended:\n{(home / 'server.log').read_text()[-3000:]}")
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api").read()
                    break
                except OSError:
                    time.sleep(0.25)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


# ---------------------------------------------------------------- one notebook

STATE = """() => {
  const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget
  const model = panel && panel.content && panel.content.model
  const kernel = panel && panel.sessionContext && panel.sessionContext.session && panel.sessionContext.session.kernel
  if (!model || !model.cells || !kernel) return null
  const cells = [...model.cells].filter(c => c.type === 'code' && c.sharedModel.source.trim())
  const done = cells.filter(c => c.executionCount !== null)
  const failed = done.some(c => [...Array(c.outputs.length).keys()].some(i => c.outputs.get(i).type === 'error'))
  const ready = failed || kernel.status === 'idle' && done.length === cells.length
  return {status: kernel.status, cells: cells.length, done: done.length, ready, outputs: ready ? cells.map(c => c.outputs.toJSON()) : []}
}"""

LOOK = """() => {
  const page = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)')
  const shown = [...page.querySelectorAll('img')].filter(i => i.offsetParent)
  const cut = [...page.querySelectorAll('.lm-TabBar-tabLabel, .widget-label, .widget-readout, .widget-button, figcaption')].filter(e => e.offsetParent && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
  const wide = [...page.querySelectorAll('.jp-RenderedHTMLCommon, .jp-OutputArea-output')].filter(e => e.scrollWidth > e.clientWidth + 2 && e.clientWidth > 0)
  return {broken: shown.filter(i => i.complete && !i.naturalWidth).map(i => (i.getAttribute('src') || '').slice(0, 80)), pictures: shown.length,
          wide: wide.map(e => (e.innerText || '').trim().slice(0, 60)), cut: cut.map(e => e.innerText.trim()),
          formulas: page.querySelectorAll('mjx-container').length, unrendered: page.querySelectorAll('mjx-merror, .MathJax_Error').length}
}"""


SCROLL = """top => {
  const page = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer')
  page.scrollTop = top
  return page.scrollHeight
}"""


class Problem(Exception):
    "What is wrong with a page."


def text_of(output):
    "What an output says, without colours."
    said = output.get("text") or output.get("traceback") or (output.get("data") or {}).get("text/plain") or ""
    return re.sub(r"\x1b\[[0-9;]*m", "", "".join(said) if isinstance(said, list) else said)


@asynccontextmanager
async def opened(browser, address, path):
    "A page with the notebook at `path`, its kernel ready; messages of the page's console are in `page.said`."
    context = await browser.new_context(viewport=dict(width=WIDTH, height=HEIGHT))
    page = await context.new_page()
    page.said, page.thrown = [], []
    page.on("console", lambda m: page.said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.thrown.append(str(e)))
    try:
        await page.goto(f"{address}/lab/workspaces/{re.sub(r'[^a-z0-9]', '-', path.lower())}/tree/{path}?reset")
        await page.wait_for_function(
            "window.jupyterapp && window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=90_000,
        )
        yield page
    finally:
        await context.close()


async def run_all(page, seconds=NOTEBOOK_SECONDS):
    "Run all cells from the menu and wait for the end; raises `Problem` if a cell ends with an error."
    await page.get_by_role("menuitem", name="Run", exact=True).click()
    await page.get_by_text("Run All Cells", exact=True).click()
    end = time.monotonic() + seconds
    while True:
        await asyncio.sleep(0.5)
        state = await page.evaluate(STATE)
        if state and state["ready"]:
            break
        if time.monotonic() > end:
            raise Problem(
                f"still {state and state['status']} after {seconds} s, {state and state['done']} of {state and state['cells']} cells run"
            )
    errors = [text_of(o) for outputs in state["outputs"] for o in outputs if o["output_type"] == "error"]
    if errors:
        raise Problem(f"a cell ended with an error:\n{errors[0][-1500:]}")
    return state


async def look(page, state, picture):
    "Let the page be as high as its content, keep a picture of it, and raise `Problem` for what a reader would find wrong."
    await page.evaluate(
        "() => window.jupyterapp.commands.execute('application:toggle-left-area').catch(() => null)"
    ) if await page.locator(".jp-FileBrowser").is_visible() else None
    height = await page.evaluate(SCROLL, 0)
    await page.set_viewport_size(dict(width=WIDTH, height=min(MAX_HEIGHT, height + 160)))
    for part, top in enumerate(range(0, height, MAX_HEIGHT - 160), 1):
        await page.evaluate(SCROLL, top)
        await page.wait_for_timeout(1500)
        await page.screenshot(path=picture.with_stem(f"{picture.stem}_{part}") if part > 1 else picture)
    seen = await page.evaluate(LOOK)
    await page.set_viewport_size(dict(width=WIDTH, height=HEIGHT))
    said = [
        line
        for outputs in state["outputs"]
        for o in outputs
        if o.get("name") == "stderr"
        for line in text_of(o).splitlines()
        if line.strip() and not re.search(ACCEPTED, line)
    ]
    if said:
        raise Problem(f"red lines on standard error: {'; '.join(line[:200] for line in said[:4])}")
    if seen["broken"]:
        raise Problem(f"pictures that do not load: {', '.join(seen['broken'])}")
    if seen["unrendered"]:
        raise Problem(f"{seen['unrendered']} formulas that MathJax refuses")
    fits(seen)
    listen(page)
    return seen


def fits(seen):
    "Raise `Problem` for what is wider than its place."
    if seen["wide"]:
        raise Problem(f"wider than the page: {'; '.join(seen['wide'])}")
    if seen["cut"]:
        raise Problem(f"words that are cut off: {'; '.join(seen['cut'])}")


def listen(page):
    "Raise `Problem` for what scripts threw, and for what the browser says of widgets."
    lost = page.thrown + [
        m
        for m in page.said
        if re.search(r"widget|model|view|render", m, re.I) and not re.search(r"favicon|404|WebSocket", m)
    ]
    if lost:
        raise Problem(f"the browser says: {lost[0][:300]}")


# ---------------------------------------------------------------- the explorer


async def status_is_ready(page, seconds=MOVE_SECONDS):
    "Wait until the explorer computes nothing."
    await page.wait_for_function(
        "() => /ready/i.test(document.querySelector('.dhp-status')?.innerText || '')", timeout=1000 * seconds
    )


async def shown(page):
    "What the explorer shows: its numbers, and the pixels of its pictures."
    return await page.locator(".dhp-numbers").inner_text(), await page.evaluate(
        "() => [...document.querySelectorAll('.dhp-viewer canvas')].map(canvas => canvas.toDataURL())"
    )


async def changed(page, act, what, pixels=True):
    "Do something, wait until the explorer is ready again; raises `Problem` unless numbers (and pictures) are others. Gives the seconds it took."
    before, start = await shown(page), time.monotonic()
    await act
    try:
        await page.wait_for_function(
            'before => document.querySelector(".dhp-numbers").innerText !== before',
            arg=before[0],
            timeout=1000 * MOVE_SECONDS,
        )
    except Exception:
        raise Problem(f"{what} changed no number") from None
    await status_is_ready(page)
    took, after = time.monotonic() - start, await shown(page)
    if pixels and after[1] == before[1]:
        raise Problem(f"{what} changed no picture")
    return took


async def zoom(page):
    "All pictures come nearer with the wheel, and are whole again with a key."
    before = (await shown(page))[1]
    await page.locator(".dhp-viewer canvas").nth(1).click()
    await page.mouse.wheel(0, -300)
    await page.wait_for_timeout(500)
    if any(a == b for a, b in zip(before, (await shown(page))[1])):
        raise Problem("the wheel moves not all of the pictures")
    await page.keyboard.press("0")
    if (await shown(page))[1] != before:
        raise Problem("the pictures are not whole again")


async def play(page):
    "The frames of the reverse process play."
    caption = page.locator(".dhp-frames figcaption").first
    before = await caption.inner_text()
    await page.locator(".dhp-frames .widget-play button").first.click()
    try:
        await page.wait_for_function(
            'before => document.querySelector(".dhp-frames figcaption").innerText !== before',
            arg=before,
            timeout=10_000,
        )
    except Exception:
        raise Problem("the frames do not play") from None


async def explore(page, folder):
    "Move every slider, zoom, play the frames, upload a picture and something that is none; the page fits into a narrow window too."
    await status_is_ready(page)
    handle = lambda name: page.locator(f".{name} .noUi-handle").first
    took = {}
    for name, key in (
        ("dhp-quality", "ArrowRight"),
        ("dhp-steps", "ArrowLeft"),
        ("dhp-chunks", "Home"),
        ("dhp-sampling", "ArrowRight"),
        ("dhp-chunks", "End"),
    ):
        took[name] = await changed(page, handle(name).press(key), f"{name} {key}")
    took["dhp-restore"] = await changed(page, page.locator(".dhp-restore input[type=checkbox]").click(), "restore")
    for tab in ("Latent", "Reverse process"):
        await page.locator(".dhp-tabs").get_by_text(tab, exact=True).click()
        try:
            await page.wait_for_selector(
                "img.dhp-figure:visible, .dhp-frames canvas:visible", timeout=1000 * MOVE_SECONDS
            )
        except Exception:
            raise Problem(f"tab {tab} shows no picture") from None
        await status_is_ready(page)
    await play(page)
    await zoom(page)
    picture, text = folder / "uploaded.png", folder / "no_picture.png"
    drawn = Image.new("RGB", (160, 120), "white")
    ImageDraw.Draw(drawn).ellipse((30, 10, 130, 110), fill="crimson")
    drawn.save(picture)
    text.write_text("no picture at all")
    upload = page.locator(".dhp-upload input[type=file], input.dhp-upload[type=file]")
    await changed(page, upload.set_input_files(picture), "an upload")
    before = await shown(page)
    await upload.set_input_files(text)
    await page.wait_for_function(
        "() => /no picture|cannot|not a picture/i.test(document.querySelector('.dhp-message')?.innerText || '')",
        timeout=1000 * MOVE_SECONDS,
    )
    await status_is_ready(page)
    pale = await page.evaluate("() => !!document.querySelector('.dhp-viewer').closest('.dhp-stale')")
    if pale or await shown(page) != before:
        raise Problem("a bad upload took the picture away")
    await page.set_viewport_size(dict(width=NARROW, height=HEIGHT))
    await page.wait_for_timeout(1500)
    await page.locator(".dhp-explorer").evaluate("e => e.scrollIntoView()")
    await page.screenshot(path=folder / "explorer_narrow.png")
    fits(await page.evaluate(LOOK))
    await page.set_viewport_size(dict(width=WIDTH, height=HEIGHT))
    listen(page)
    return ", ".join(f"{name[4:]} {seconds:.1f} s" for name, seconds in took.items())


# ---------------------------------------------------------------- all of them


async def visit(browser, address, path, folder):
    "One notebook: a line that says how it went, and whether it went well."
    name, start, notes = Path(path).stem, time.monotonic(), ""
    try:
        async with opened(browser, address, path) as page:
            state = await run_all(page)
            if name == "explorer":
                await status_is_ready(page)
            ready = time.monotonic() - start
            seen = await look(page, state, folder / f"{name}.png")
            notes = f"{state['cells']} cells, {seen['pictures']} pictures, {seen['formulas']} formulas"
            if name == "explorer":
                notes += f", first picture {ready:.0f} s after opening; {await explore(page, folder)}"
                await page.screenshot(path=folder / "explorer_moved.png")
        return f"ok    {path} ({time.monotonic() - start:.0f} s; {notes})", True
    except Exception as e:
        try:
            await page.screenshot(path=folder / f"{name}_failed.png")
        except Exception:
            pass
        said = str(e) if isinstance(e, Problem) else f"{type(e).__name__}: {e}"
        return f"FAIL  {path} ({time.monotonic() - start:.0f} s): {said}", False


async def visits(checkout, paths, folder, home):
    "Visits `AT_ONCE` notebooks at a time; yields (path, a line that says how it went, whether it went well) as they end."
    with jupyter_lab(checkout, home) as address:
        async with async_playwright() as p:
            browser, turn = (
                await p.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"]),
                asyncio.Semaphore(AT_ONCE),
            )

            async def one(path):
                async with turn:
                    return path, *await visit(browser, address, path, folder)

            for done in asyncio.as_completed([asyncio.create_task(one(p)) for p in paths]):
                yield await done  # tasks, which take their turns in this order
            await browser.close()


async def visit_all(checkout, paths, folder, home):
    "Says how each visit went; gives how many went wrongly."
    bad = 0
    async for _, line, well in visits(checkout, paths, folder, home):
        print(line, flush=True)
        bad += not well
    return bad


PLANTED = {  # a fault in a cell, and the words that must be said of it
    "error": ("code", "1 / 0", "ZeroDivisionError"),
    "warning": ("code", 'import warnings; warnings.warn("old")', "red lines"),
    "picture": ("markdown", "![gone](gone.png)", "do not load"),
    "script": (
        "code",
        'from IPython.display import Javascript; Javascript("setTimeout(() => { throw Error(1) })")',
        "the browser says",
    ),
    "formula": ("markdown", r"$\frac{1}$", "refuses"),
    "cut": (
        "code",
        'import ipywidgets; ipywidgets.Button(description="a label that is much longer than its button")',
        "cut off",
    ),
    "wide": ("code", "from IPython.display import HTML; HTML(\"<div style='width: 4000px'>wide</div>\")", "wider"),
}


async def self_test(folder, home):
    "Notebooks with one fault each, and one without: how many went wrongly."
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    kernel = dict(kernelspec=dict(name="python3", display_name="python3", language="python"))
    sound = [new_markdown_cell("# Sound\n\n$x^2$"), new_code_cell('print("fine")')]
    for name, (kind, source, _) in PLANTED.items():
        nbformat.write(
            new_notebook(
                cells=[*sound, (new_code_cell if kind == "code" else new_markdown_cell)(source)], metadata=kernel
            ),
            folder / f"{name}.ipynb",
        )
    nbformat.write(new_notebook(cells=sound, metadata=kernel), folder / "sound.ipynb")
    words, bad = {"sound": "ok", **{name: said for name, (_, _, said) in PLANTED.items()}}, 0
    async for path, line, well in visits(folder, [f"{name}.ipynb" for name in words], folder, home):
        name = Path(path).stem
        as_expected = words[name] in line and well == (name == "sound")
        print(
            f"{'ok   ' if as_expected else 'FAIL '} planted {name}: {words[name] if as_expected else line}", flush=True
        )
        bad += not as_expected
    return bad


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("names", nargs="*", help="names of notebooks, without their ending; all by default")
    p.add_argument("--screenshots", type=Path, help="folder that keeps a picture of every page")
    p.add_argument("--find", action="store_true", help="print which browser would be used")
    p.add_argument("--self-test", action="store_true", help="see that planted faults are found")
    a = p.parse_args()
    if a.find:
        print(browser_path())
        return
    with tempfile.TemporaryDirectory() as work:
        checkout, home = Path(work) / "checkout", Path(work) / "home"
        for folder in (checkout, home, pictures := (a.screenshots or Path(work) / "screenshots").absolute()):
            folder.mkdir(parents=True, exist_ok=True)
        if a.self_test:
            bad = asyncio.run(self_test(checkout, home))
        else:
            copy_checkout(checkout)
            paths = [
                str(f.relative_to(checkout))
                for sub in ("guides", "runs")
                for f in sorted((checkout / "nbs" / sub).glob("*.ipynb"))
                if not a.names or f.stem in a.names
            ]
            paths.sort(key=lambda p: Path(p).stem not in FIRST)
            if missing := set(a.names) - {Path(f).stem for f in paths}:
                sys.exit(f"no such notebook: {', '.join(sorted(missing))}")
            bad = asyncio.run(visit_all(checkout, paths, pictures, home))
    print(f"{bad} failed" if bad else "all passed")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()

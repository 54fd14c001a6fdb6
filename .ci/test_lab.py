"""Guides and jobs in a real JupyterLab, in a browser: each with the outputs of its one execution (`--executed FOLDER`,
which .ci/record filled), and live what needs a kernel: the explorer, moved by the browser, and a training."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import expect
from test_house import FILES, ROOT

from diffhyper.codec.hub import load_model
from diffhyper.codec.picture import decompress_image

PAGES = [p for p in FILES if re.match(r"nbs/(guides|jobs)/.*\.ipynb", p)]
LIVE_SEC, MOVE_SEC = 300, 60
WIDE, NARROW = {"width": 1400, "height": 1000}, {"width": 1000, "height": 1000}
ACCEPTED = r"other programs are busy here|measure_speed\(config\)"  # nbs/jobs/speed says so where it shares the machine
SETTINGS = {  # of JupyterLab: no questions, and whole notebooks in the document
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
ENDED = """() => {
    const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells]
        .filter(c => c.type === 'code' && c.sharedModel.source.trim())
    const errors = cells.flatMap(c => c.outputs.toJSON()).filter(o => o.output_type === 'error')
    if (errors.length) return errors.map(o => o.ename + ': ' + o.evalue).join()
    return cells.every(c => c.executionCount !== null) && IDLE && 'ended'
}""".replace("IDLE", IDLE)
FAULTS = """() => {
    const page = document.querySelector('PANEL'), type = 'data-mime-type="application/vnd.jupyter'
    const all = s => [...page.querySelectorAll(s)].filter(e => e.offsetParent && e.clientWidth)
    const larger = (s, by) => all(s).filter(e => e.scrollWidth > e.clientWidth + by)
    const labels = '.lm-TabBar-tabLabel, .widget-label, .widget-readout, .widget-button, figcaption'
    const told = e => (e.innerText || e.src || '').trim().slice(0, 200)
    const found = {
        picture: all('img').filter(i => i.complete && !i.naturalWidth),
        formula: all('mjx-merror, .MathJax_Error'),
        cut: larger(labels, 1),
        wide: larger('.jp-RenderedHTMLCommon, .jp-OutputArea-output', 2),
        red: all(`[${type}.stderr"], [${type}.error"]`),
        widget: all('.jp-OutputArea-output').filter(e => /Error (displaying|creating) widget/.test(e.innerText)),
    }
    return Object.entries(found).flatMap(([what, where]) => where.map(e => what + ': ' + told(e)))
}""".replace("PANEL", PANEL)


@pytest.fixture(scope="session")
def lab(tmp_path_factory, pytestconfig):
    "Address of a JupyterLab that serves a copy of the checkout, with executed guides and jobs."
    folder, home = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("home")
    executed = pytestconfig.getoption("executed").absolute()
    for name in FILES:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(executed / name if name in PAGES else ROOT / name, place)
    for name, values in SETTINGS.items():
        place = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(values))
    bin_folder, own = os.path.dirname(sys.executable), ("CONFIG", "DATA", "RUNTIME")
    env = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(home / name) for name in own},
        **{f"JUPYTERLAB_{name.upper()}_DIR": str(home / name) for name in ("settings", "workspaces")},
        **{"IPYTHONDIR": str(home / "ipython"), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"},
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    jupyter = [sys.executable, "-m", "jupyter"]
    subprocess.run([*jupyter, "trust", *PAGES], cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", f"--ServerApp.root_dir={folder}", "--no-browser", "--allow-root"]
    options += ["--IdentityProvider.token=", "--ServerApp.port_retries=0", "--expose-app-in-browser"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen([*jupyter, "lab", *options], env=env, stdout=log, stderr=log)
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api").read()
                break
            except OSError:
                assert server.poll() is None, (home / "log").read_text()[-3000:]
                time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
        server.terminate()
        server.wait(20)


def opened(page, lab, path):
    "The notebook in JupyterLab, its kernel ready; what the browser says of it is in the list that comes back."
    lost = []
    page.on("pageerror", lambda e: lost.append(str(e)))
    page.on(
        "console", lambda m: lost.append(m.text) if m.type == "error" and re.search(r"widget|view", m.text) else None
    )
    page.set_viewport_size(WIDE)
    page.goto(f"{lab}/lab/workspaces/{re.sub(r'[^a-z]', '-', path)}/tree/{path}?reset")
    page.wait_for_function(IDLE, timeout=90_000)
    if page.locator(".jp-FileBrowser").is_visible():
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    return lost


def faults(page):
    "What a reader would find wrong, the whole notebook in view."
    page.evaluate(f"() => {{ document.querySelector('{PANEL} .jp-WindowedPanel-outer').scrollTop = 0 }}")
    page.wait_for_timeout(700)
    return [f for f in page.evaluate(FAULTS) if not re.search(ACCEPTED, f)]


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    assert page.wait_for_function(ENDED, timeout=1000 * LIVE_SEC).json_value() == "ended"


@pytest.mark.parametrize("path", PAGES)
def test_outputs(page, lab, path, pytestconfig):
    "What one execution left is on the page: its figures and tables, no errors, nothing wider than its place."
    lost = opened(page, lab, path)
    notebook = json.loads((pytestconfig.getoption("executed") / path).read_text(encoding="utf-8"))
    outputs = [o.get("data", {}) for c in notebook["cells"] for o in c.get("outputs", [])]
    drawn = sum("image/png" in data and "text/html" not in data for data in outputs)  # JupyterLab prefers HTML
    tables = sum("<table" in "".join(data.get("text/html", "")) for data in outputs)
    for tag, count in (("img", drawn), ("table", tables)):
        shown = page.locator(f"{PANEL} .jp-OutputArea-output {tag}")
        if count:
            expect(shown.nth(count - 1)).to_be_attached(timeout=20_000)
    assert faults(page) + lost == []


PLANTED = {
    "red": ("code", "import sys; print('old', file=sys.stderr)"),
    "picture": ("markdown", "![gone](gone.png)"),
    "formula": ("markdown", r"$\frac{1}$"),
    "cut": ("code", 'import ipywidgets; ipywidgets.Button(description="a label that is longer than its button")'),
    "wide": ("code", "from IPython.display import HTML; HTML(\"<div style='width: 4000px'>wide</div>\")"),
}


def test_faults_are_seen(page, lab):
    opened(page, lab, "nbs/guides/explorer.ipynb")
    for seen, (kind, source) in PLANTED.items():
        page.evaluate(
            """([kind, source]) => { const model = window.jupyterapp.shell.currentWidget.content.model.sharedModel
            model.deleteCellRange(0, model.cells.length); model.insertCell(0, {cell_type: kind, source}) }""",
            [kind, source],
        )
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(f"() => ({FAULTS})().some(f => f.startsWith('{seen}'))", timeout=30_000)


def test_train_live(page, lab):
    "A training in JupyterLab shows curves and samples while it runs, and its record at the end."
    lost = opened(page, lab, "nbs/jobs/train.ipynb")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    run_all(page)
    assert page.locator(f"{PANEL} .jp-OutputArea-output img").count() >= 1
    assert page.locator(f"{PANEL} .jp-OutputArea-output table").count() >= 1
    assert faults(page) + lost == []


# ---------------------------------------------------------------- the explorer


CANVASES = "() => [...document.querySelectorAll('.dhp-viewer canvas')].map(c => c.toDataURL())"


class Moved:
    "The explorer on a page: `with Moved(page):` demands that what is done inside changes its numbers and its pictures."

    def __init__(self, page, pictures=True):
        self.page, self.pictures = page, pictures

    def shown(self):
        return self.page.locator(".dhp-numbers").inner_text(), self.page.evaluate(CANVASES)

    def ready(self):
        status = self.page.locator(".dhp-status")
        expect(status).to_contain_text(re.compile("ready", re.I), timeout=1000 * MOVE_SEC)

    def __enter__(self):
        self.before = self.shown()

    def __exit__(self, kind, *_):
        if kind is None:
            numbers = self.page.locator(".dhp-numbers")
            expect(numbers).not_to_have_text(self.before[0], use_inner_text=True, timeout=1000 * MOVE_SEC)
            self.ready()
            changed = f"before => JSON.stringify(({CANVASES})()) !== JSON.stringify(before)"  # once they are decoded
            self.page.wait_for_function(changed, arg=self.before[1], timeout=1000 * MOVE_SEC)


SCROLLING = """() => [...document.querySelectorAll('.dhp-explorer, .dhp-explorer *')].filter(e => e.offsetParent
    && /auto|scroll/.test(getComputedStyle(e).overflow)
    && (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth)).map(e => e.className)"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"


def see_pictures(page, moved):
    "They zoom together, and ours, another coder's and the original take turns in one place."
    captions, cells = page.locator(".dhp-viewer figcaption"), page.evaluate(CELLS)
    expect(captions.nth(1)).to_contain_text("diffhyper")
    pixels = moved.shown()[1]
    page.locator(".dhp-viewer canvas").nth(1).click()
    page.keyboard.press("0")
    whole = moved.shown()[1]
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(500)
    for others in (whole, pixels):
        assert all(a != b for a, b in zip(others, moved.shown()[1], strict=True)), "pictures zoom together"
    page.keyboard.press("1")
    assert moved.shown()[1] == pixels
    for name in ("diffhyper", "JPEG", "original", "diffhyper"):
        page.keyboard.press("f")
        expect(captions).to_have_text([re.compile(f"^{name}")])
    page.keyboard.press("n")
    expect(captions).to_have_text([re.compile("^WebP, [0-9,]+ bytes, [0-9.]+ dB")])
    page.keyboard.press("a")  # a new cell, if JupyterLab had it
    page.keyboard.press("s")
    expect(captions).to_have_text([re.compile(f"^{name}") for name in ("original", "diffhyper", "WebP")])
    page.keyboard.press("0")
    page.keyboard.press("1")
    assert page.evaluate(CELLS) == cells, "the keys are the viewer's"


def save_files(page, folder):
    "The file has as many bytes as the page says, the PNG is the picture of it."
    for kind in ("dhp", "png"):
        with page.expect_download() as saving:
            page.locator(f".dhp-save-{kind} button").click()
        saving.value.save_as(folder / f"saved.{kind}")
        assert saving.value.suggested_filename == f"astronaut.{kind}"
    data, said = (folder / "saved.dhp").read_bytes(), page.locator(".dhp-save-dhp").inner_text()
    assert f"{len(data):,} bytes" in said
    saved, decoded = Image.open(folder / "saved.png"), decompress_image(load_model(), data, restore=False)
    assert max(most for _, most in ImageChops.difference(saved, decoded).getextrema()) <= 1  # other threads may round


def test_explorer_live(page, lab, tmp_path):
    "Every slider, the zoom, the turns, the frames, uploads, the crop, files; it fits into a narrow window too."
    lost = opened(page, lab, "nbs/guides/explorer.ipynb")
    run_all(page)
    moved = Moved(page)
    moved.ready()
    assert faults(page) == []
    for key in ("ArrowDown", "ArrowUp"):  # the list's own keys, not the notebook's
        with moved:
            page.locator(".dhp-sample select").press(key)
    expect(page.locator(".dhp-sampling")).not_to_be_visible()
    page.locator(".dhp-research .jupyter-widget-Collapse-header").click()
    moves = [("quality", "ArrowRight"), ("steps", "ArrowRight"), ("chunks", "Home"), ("sampling", "ArrowRight")]
    for name, key in [*moves, ("chunks", "End")]:
        with moved:
            page.locator(f".dhp-{name} .noUi-handle").first.press(key)
    expect(page.locator(".dhp-chunks .widget-readout")).to_have_text("all")  # the end of eight steps, not of four
    with moved:
        page.locator(".dhp-restore input[type=checkbox]").click()
    for tab in ("Latent", "Reverse process"):
        page.locator(".dhp-tabs").get_by_text(tab, exact=True).click()
        page.wait_for_selector("img.dhp-figure:visible, .dhp-frames canvas:visible", timeout=1000 * MOVE_SEC)
        moved.ready()
    caption = page.locator(".dhp-frames figcaption").first
    first = caption.inner_text()
    page.locator(".dhp-frames .widget-play button").first.click()
    expect(caption).not_to_have_text(first, use_inner_text=True, timeout=10_000)
    page.locator(".dhp-frames .noUi-handle").first.press("End")
    expect(caption).to_contain_text("the sample", timeout=10_000)
    see_pictures(page, moved)
    save_files(page, tmp_path)
    picture, large, text = tmp_path / "uploaded.png", tmp_path / "large.png", tmp_path / "no_picture.png"
    drawn = Image.new("RGB", (160, 120), "white")
    ImageDraw.Draw(drawn).ellipse((30, 10, 130, 110), fill="crimson")
    drawn.save(picture)
    drawn.resize((1000, 120)).save(large)
    text.write_text("no picture at all")
    upload = page.locator(".dhp-upload input[type=file], input.dhp-upload[type=file]")
    for file in (large, picture):
        with moved:
            upload.set_input_files(file)
        if file == large:
            with moved:
                page.locator(".dhp-locator canvas").press("ArrowRight")
    expect(page.locator(".dhp-locator canvas")).not_to_be_visible()
    page.wait_for_timeout(500)  # the other coder's picture is decoded last
    before = moved.shown()
    upload.set_input_files(text)
    message = page.locator(".dhp-message")
    expect(message).to_contain_text(re.compile("no picture|cannot|not a picture", re.I), timeout=1000 * MOVE_SEC)
    moved.ready()
    assert moved.shown() == before, "a bad upload leaves the picture"
    assert not page.locator(".dhp-stale .dhp-viewer").count()
    page.set_viewport_size(NARROW)
    for tab in ("Where the bits went", "Latent", "Reverse process"):
        page.locator(".dhp-tabs").get_by_text(tab, exact=True).click()
        moved.ready()
        assert page.evaluate(SCROLLING) == []
    assert faults(page) + lost == []

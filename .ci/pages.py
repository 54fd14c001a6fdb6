"""The notebooks as a site that needs no network: `pages.py EXECUTED HTML`, from the notebooks that a test run with
.ci/record left in the folder EXECUTED. Nothing is run here; Sphinx refuses a link or a reference that leads nowhere."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main

ROOT, HERE = Path(__file__).resolve().parent.parent, Path(__file__).resolve().parent
ROOMS = ("guides", "jobs", "hall", "data", "model", "codec", "train", "measure", "show", "runs")
FIRST = (
    "guides/tour",
    "guides/method",
    "guides/explorer",
    "guides/your_own",
    "guides/evidence",
)  # others follow by name
SHOWN = re.compile(r"(nbs|data|figures)/|LICENSE")


def names_of(source):
    "(directive, name, comment) of the public names that a cell defines."
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
            yield ("autoclass" if isinstance(node, ast.ClassDef) else "autofunction"), node.name, ""
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            said = re.search(r"  # (.*)", lines[node.lineno - 1]) or [None, ""]
            for target in (n for t in targets for n in ast.walk(t)):
                if isinstance(target, ast.Name) and target.id[0] != "_" and isinstance(target.ctx, ast.Store):
                    yield "py:data", target.id, said[1]


def entries(source, module):
    "A Markdown cell that documents the names of an exported cell."
    found = [f".. {kind}:: {name}\n\n   {said}\n" for kind, name, said in names_of(source)]
    return [
        dict(
            cell_type="markdown",
            metadata={},
            source=f"```{{eval-rst}}\n.. py:currentmodule:: {module}\n\n" + "\n".join(found) + "```",
        )
    ] * bool(found)


def page(notebook, name):
    "A notebook as its page: hidden cells gone, sources of exports folded below the entries of their names."
    sources = "\n".join("".join(c["source"]) for c in notebook["cells"])
    found = re.search(r"^#\| default_exp (\S+)", sources, re.M)
    module = f"diffhyper.{found[1]}" if found else ""
    cells = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        marks = set(re.findall(r"^#\| *(\w+)", source, re.M))
        cell["source"] = body = re.sub(r"^#\|.*\n?", "", source, flags=re.M).strip("\n")
        if cell["cell_type"] == "code" and (not body or marks & {"hide", "default_exp"}):
            continue
        if "export" in marks:
            cells += entries(body, module)
        if "export" in marks or "parameters" in cell["metadata"].get("tags", []):
            cell["metadata"] = {"tags": ["hide-input"]}
        cells.append(cell)
        if module and len(cells) == 1:
            place = f"```{{py:module}} {module}\n```\n\n{{.place}}\n`{module}` from `{name}`"
            cells.append(dict(cell_type="markdown", metadata={}, source=place))
    for n, cell in enumerate(cells):
        cell["id"] = f"c{n}"
    return dict(notebook, cells=cells)


def numbered(notebook):
    "Lines of messages are numbers of cells: the lines that MyST counts by itself make its reStructuredText slow."
    return dict(notebook, metadata={**notebook["metadata"], "source_map": list(range(len(notebook["cells"])))})


def contents(names):
    "The sidebar: rooms in their order."
    for room in ROOMS:
        mine = sorted(n for n in names if n.startswith(f"nbs/{room}/"))
        mine.sort(key=lambda n: FIRST.index(n[4:]) if n[4:] in FIRST else len(FIRST))
        yield f"```{{toctree}}\n:hidden:\n:caption: {room.title()}\n\n" + "\n".join(f"/{n}" for n in mine) + "\n```"
    yield "```{toctree}\n:hidden:\n:caption: Reference\n\n/data/README\n한국어 </nbs/README.ko>\n```"


def stage(executed, source):
    "Writes all that Sphinx reads."
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    notebooks = [f for f in files if f.startswith("nbs/") and f.endswith(".ipynb")]
    for file in filter(SHOWN.match, files):
        place = source / file
        place.parent.mkdir(parents=True, exist_ok=True)
        if file not in notebooks:
            shutil.copy(ROOT / file, place)
            continue
        shown = page(json.loads((executed / file).read_text(encoding="utf-8")), file)
        if file == "nbs/index.ipynb":
            toc = "\n\n".join(contents([n.removesuffix(".ipynb") for n in notebooks]))
            shown["cells"].append(dict(cell_type="markdown", id="contents", metadata={}, source=toc))
        place.write_text(json.dumps(numbered(shown)), encoding="utf-8")
    korean = source / "nbs/README.ko.md"  # the README is the first page
    korean.write_text(korean.read_text(encoding="utf-8").replace("](../README.md)", "](index.ipynb)"), encoding="utf-8")
    shutil.copytree(HERE / "site", source / "_site")


if __name__ == "__main__":
    executed, html = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        stage(executed, Path(folder) / "source")
        options = ["-b", "html", "-q", "-W", "--keep-going", "-j", "1", "-c", f"{folder}/source/_site"]
        code = main([*options, "-d", f"{folder}/doctrees", f"{folder}/source", str(html)])
    (html / "index.html").write_text('<meta http-equiv="refresh" content="0; url=nbs/index.html">', encoding="utf-8")
    sys.exit(code)

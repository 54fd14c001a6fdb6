"""The notebooks as a static site that needs no network: `website.py` writes _site/html.

Notebooks run first, two at a time, in a copy of the tree (cells marked slow or cuda do not), unless their code, the modules that it imports and data/ are as they were;
`--no-execute` runs none and shows what outputs there are. Every public name gets an entry with its parameters at the cell that defines it, whose code folds.
`--quarto` writes nbs/*.yml for nbdev_docs. `--check` looks for every public name, each of its parameters and the comment beside it in the pages; `--self-test` demands that this check can fail. `browse.py` opens the pages.
"""

import argparse
import ast
import hashlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import is_dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import checks  # noqa: E402
import docments  # noqa: E402
import readme  # noqa: E402
from sitemap import GROUPS, Page, pages, quarto_files  # noqa: E402

HERE = Path(__file__).resolve().parent
DROPPED, WORKERS, CELL_SEC, LONG_START = (
    {"default_exp", "hide"},
    2,
    900,
    8,
)  # LONG_START: lines from which a cell that begins with imports folds
WIDGET = "application/vnd.jupyter.widget-view+json"
STATIC = "*This is interactive where a kernel runs: open the notebook in JupyterLab.*"


# ---------------------------------------------------------------- outputs


def skipped(source, flags):
    return bool(readme.directives(source) & flags) or re.search(r"^\s*#\s*\|\s*eval:\s*false", source, re.M)


def needed(repo, page):
    "Modules that a notebook imports, and theirs."
    names, found = [page.module], set()
    for _, src, _ in repo.code(page.path):
        names += [m.split(".")[0] for m in checks.imports(checks.parsed(src), page.module or "x")]
    while names:
        if (m := names.pop()) in repo.modules and m not in found:
            found.add(m)
            names += [n.split(".")[0] for n in checks.imports(ast.parse(repo.text(repo.modules[m])), m)]
    return sorted(found)


def key(repo, page):
    "Changes when the outputs of a notebook may: its code, the modules that it needs, shipped weights, data."
    digest = hashlib.sha256(json.dumps([src for _, src, _ in repo.code(page.path)]).encode())
    for path in [repo.modules[m] for m in needed(repo, page)] + [
        p
        for p in repo.files
        if p.startswith(("data/", "nbs/runs/")) and not p.endswith(".ipynb") or p.endswith(".safetensors")
    ]:
        digest.update(path.encode() + (repo.root / path).read_bytes())
    return digest.hexdigest()[:16]


def execute(tree, page, flags):
    "Outputs of the code cells of a notebook, run where it lies in `tree`; raises with the place of the cell that failed."
    import nbclient
    import nbformat

    nb = nbformat.read(tree / page.path, as_version=4)
    for c in nb.cells:
        if c.cell_type == "code" and skipped(c.source, flags):
            c.metadata["tags"] = [*c.metadata.get("tags", []), "skip-execution"]
    client = nbclient.NotebookClient(
        nb,
        timeout=CELL_SEC,
        kernel_name="python3",
        resources={"metadata": {"path": str((tree / page.path).parent)}},
        extra_arguments=['--InlineBackend.figure_formats={"retina"}'],
    )
    env = os.environ | dict(PYTHONPATH=str(tree), OMP_NUM_THREADS="1", IN_TEST="1")  # IN_TEST: nbdev exports nothing
    try:
        client.execute(env=env, stderr=subprocess.DEVNULL)
    except nbclient.exceptions.CellExecutionError as e:
        n = next(
            i
            for i, c in enumerate(nb.cells)
            if c.cell_type == "code" and any(o.output_type == "error" for o in c.outputs)
        )
        raise RuntimeError(f"{page.path} cell {n} failed: {e.ename}: {e.evalue}".replace(str(tree), ".")) from None
    return [[dict(o) for o in c.outputs] for c in nb.cells if c.cell_type == "code"]


def outputs_of(repo, found, folder, run):
    "Page name -> outputs, from `folder` or by running the notebook; exits with the names of those that failed."
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    flags, files = (
        set(repo.settings()["tst_flags"].split()),
        {p.name: folder / f"{p.name.replace('/', '.')}.{key(repo, p)}.json" for p in found},
    )
    for old in set(folder.iterdir()) - set(files.values()):
        old.unlink()
    todo, failed = [p for p in found if run and not files[p.name].exists()], []
    with tempfile.TemporaryDirectory() as d, ThreadPoolExecutor(WORKERS) as pool:
        if todo:
            copied(repo, Path(d))
        jobs = {pool.submit(execute, Path(d), p, flags): p for p in todo}
        for job in tqdm(as_completed(jobs), total=len(jobs), desc="running notebooks", disable=not jobs):
            if e := job.exception():
                failed.append(str(e))
                tqdm.write(str(e))
            else:
                files[jobs[job].name].write_text(json.dumps(job.result()), encoding="utf-8")
    if failed:
        sys.exit(f"{len(failed)} notebooks failed:\n" + "\n".join(failed))
    return {name: json.loads(f.read_text(encoding="utf-8")) for name, f in files.items() if f.exists()}


def copied(repo, target):
    "A copy of the files of the repository, so that no run touches them."
    for path in repo.files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo.root / path, target / path)


# ---------------------------------------------------------------- entries of public names


def reference(code, names):
    "Code between backticks as a link, if it is one of `names`."
    m = re.fullmatch(r"`(?:diffhyper\.)?([\w.]+)(\([^`]*\))?`", code)
    return "{py:obj}`" + code[1:-1] + f" <{names[m[1]]}>`" if m and m[1] in names else code


def plain(text, names):
    "Text as Markdown that shows it unchanged, except for code between backticks, which leads to the entry of what it names."
    parts = re.split(r"(`[^`\n]+`)", text)
    parts[1::2] = [reference(p, names) for p in parts[1::2]]
    parts[::2] = [re.sub(r"([\\*_<\[\]$|`~#{}])", r"\\\1", p) for p in parts[::2]]
    return "".join(parts)


def code(text):
    return f"`{text}`".replace("|", r"\|") if text else ""


def prose(doc, names):
    return "\n\n".join(
        f"```text\n{text}\n```" if drawing else plain(text, names) for drawing, text in docments.doc_parts(doc)
    )


def parameter_table(name, names):
    "Parameters and what is returned, a row each."
    rows = [
        (
            ("*returns*" if p.name == "return" else code(p.name)),
            code(p.annotation),
            code(p.default),
            plain(p.comment, names),
        )
        for p in name.parameters
    ]
    if name.kind == "property" or not rows:
        return ""
    heads = ["", "Type", "Default", "Meaning"]
    keep = [0] + [i for i in range(1, 4) if any(r[i] for r in rows)]
    lines = [[heads[i] for i in keep], ["---"] * len(keep), *([r[i] for i in keep] for r in rows)]
    return "```{rst-class} docments\n```\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def whole(name, classes):
    "A dataclass with the fields that it inherits first, as its `__init__` takes them; any other name as it is."
    if not any(d.startswith("dataclass") for d in name.decorators):
        return name
    inherited = {p.name: p for b in name.bases if b in classes for p in whole(classes[b][1], classes).parameters}
    return replace(name, parameters=[*(inherited | {p.name: p for p in name.parameters}).values()])


def entry(name, module, names, classes, inner=False):
    "The directive that documents a public name, those of its methods inside."
    name = whole(name, classes)
    back = next((p for p in name.parameters if p.name == "return"), None)
    marks = {
        "method": ":classmethod:"
        if "classmethod" in name.decorators or any("cls_method" in d for d in name.decorators)
        else ":staticmethod:"
        if "staticmethod" in name.decorators
        else "",
        "property": f":type: {back.annotation}" if back and back.annotation else "",
        "data": f":value: {name.value}" if 0 < len(name.value) <= 60 else "",
    }.get(name.kind, "")
    full = f"{name.owner}.{name.name}" if name.owner and not inner else name.name
    home = classes[name.owner][0] if name.kind in ("method", "property") and name.owner in classes else module
    extends = [reference(f"`{b}`", names) for b in name.bases if b in names]
    body = [
        prose(name.doc, names),
        f"{{.place}}\nExtends {' and '.join(extends)}." if extends else "",
        parameter_table(name, names),
        *(entry(m, module, names, classes, True) for m in name.methods),
    ]
    fence = "`" * (4 if inner or not name.methods else 5)
    options = "" if inner else f":module: diffhyper.{home}\n"
    return (
        f"{fence}{{py:{name.kind}}} {full}{docments.signature(name)}\n{options}{marks}\n\n"
        + "\n\n".join(b for b in body if b)
        + f"\n{fence}"
    )


# ---------------------------------------------------------------- a notebook on its way into the site


def linked(text, path, names):
    "Markdown of the notebook or page `path`: links from page to page, and code that is a public name linked to its entry."

    def target(m):
        file, _, anchor = m[2].partition("#")
        goal = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        return (
            m[1]
            + posixpath.relpath(goal.removeprefix("nbs/"), posixpath.dirname(path.removeprefix("nbs/")) or ".")
            + ("#" + anchor if anchor else "")
        )

    parts = readme.CODE.split(text)
    parts[::2] = [readme.LINK.sub(target, p) for p in parts[::2]]
    for i in range(1, len(parts), 2):
        heading = parts[i - 1].rpartition("\n")[2].startswith("#")
        inside = parts[i - 1].endswith("[") and parts[i + 1].startswith("](")
        if not heading and not inside:
            parts[i] = reference(parts[i], names)
    return "".join(parts)


def public(repo):
    "Name in prose -> full name, where only one is meant: `walk`, `codec.quantise`, `DiffusionHyperprior.preview`."
    found = {}
    for module, path in repo.modules.items():
        for n in docments.public_names(repo.text(path)):
            if n.kind in ("function", "class") and len(n.name) > 3:
                found.setdefault(n.name, set()).add(f"diffhyper.{module}.{n.name}")
            if not n.owner:
                found.setdefault(f"{module}.{n.name}", set()).add(f"diffhyper.{module}.{n.name}")
    return {n: full.pop() for n, full in found.items() if len(full) == 1}


def classes_of(repo):
    "Class -> (the module that defines it, its Name)."
    return {
        n.name: (m, n)
        for m, path in repo.modules.items()
        for n in docments.public_names(repo.text(path))
        if n.kind == "class"
    }


def without_directives(source):
    return re.sub(r"^\s*#\s*\|.*\n?", "", source, flags=re.M).strip("\n")


def only_imports(source):
    return bool(body := checks.parsed(source).body) and all(isinstance(s, (ast.Import, ast.ImportFrom)) for s in body)


def shown(outputs):
    "Outputs that a page can show: no progress bars, and a note in the place of what needs a kernel."
    for o in outputs:
        data = o.get("data", {})
        if WIDGET in data and "%|" in "".join(data.get("text/plain", "")) or o.get("name") == "stderr":
            continue
        yield dict(output_type="display_data", metadata={}, data={"text/markdown": STATIC}) if WIDGET in data else o


def staged(repo, page, outputs, names, classes):
    "The notebook that Sphinx reads."
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell

    cells, runs, flags, head = [], iter(outputs or []), set(repo.settings()["tst_flags"].split()), page.module
    for c in repo.notebooks[page.path]["cells"]:
        source = "".join(c["source"])
        if c["cell_type"] != "code":
            if c["cell_type"] == "markdown":
                cells.append(new_markdown_cell(linked(source, page.path, names)))
            if head:
                cells.append(
                    new_markdown_cell(
                        f"```{{py:module}} diffhyper.{head}\n```\n\n{{.place}}\n`diffhyper.{head}` from `{page.path}`"
                    )
                )
                head = ""
            continue
        produced, marks, body = next(runs, []), readme.directives(source), without_directives(source)
        if marks & DROPPED or not body:
            continue
        exported, lines = bool(marks & checks.EXPORT), len(body.splitlines())
        if exported and (entries := [entry(n, page.module, names, classes) for n in docments.public_names(body)]):
            cells.append(new_markdown_cell("\n\n".join(entries)))
        starts = only_imports(body) or page.group and lines > LONG_START and body.startswith(("import ", "from "))
        if given := "parameters" in c.get("metadata", {}).get("tags", []):
            cells.append(
                new_markdown_cell(
                    parameter_table(
                        docments.public_names("class Parameters:\n" + textwrap.indent(body, "    "))[0], names
                    )
                )
            )
        fold, what = (
            exported or starts or given,
            "Imports" if only_imports(body) else "Source" if exported else "Parameters" if given else "Start",
        )
        meta = (
            dict(
                tags=["hide-input"],
                mystnb=dict(code_prompt_show=f"{what}, {lines} line{'s' * (lines > 1)}", code_prompt_hide=what),
            )
            if fold
            else {}
        )
        cells.append(new_code_cell(body, metadata=meta, outputs=[nbformat.from_dict(o) for o in shown(produced)]))
        if skipped(source, flags) and not exported:
            cells.append(
                new_markdown_cell(
                    f"{{.place}}\nNot run for these pages (marked {', '.join(sorted(marks & flags)) or 'eval: false'})."
                )
            )
    return nbformat.v4.new_notebook(
        cells=cells,
        metadata=dict(
            kernelspec=dict(name="python3", display_name="Python 3", language="python"),
            language_info=dict(name="python"),
        ),
    )


def names_page(repo, found, names):
    "All public names, by module: Markdown."
    lines = ["# All names\n\nWhat each module offers, up the ladder; functions in one line each.\n"]
    for page in (p for p in found if p.module):
        lines.append(
            f"\n## {page.title}\n\n{{.place}}\n`diffhyper.{page.module}`\n\n```{{rst-class}} docments\n```\n\n|  |  |\n| --- | --- |"
        )
        for n in docments.public_names(repo.text(repo.modules[page.module])):
            doc = next((text for drawing, text in docments.doc_parts(n.doc) if not drawing), "")
            if not n.owner:
                lines.append(
                    f"| {{py:obj}}`{n.name} <diffhyper.{page.module}.{n.name}>` | {plain(' '.join(doc.split()), names)} |"
                )
    return "\n".join(lines) + "\n"


def toctrees(found):
    tree = lambda caption, entries: (
        f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(entries) + "\n```\n"
    )
    return "\n".join(
        [
            *(tree(caption, [p.name for p in found if p.group == group]) for group, caption in GROUPS.items()),
            tree("Reference", ["names", "data/README", "한국어 <README.ko>"]),
        ]
    )


def stage(repo, found, outputs, target):
    "Writes all that Sphinx reads."
    import nbformat
    from nbformat.v4 import new_markdown_cell

    names, classes = public(repo), classes_of(repo)
    shutil.rmtree(target, ignore_errors=True)
    for page in found:
        nb = staged(repo, page, outputs.get(page.name), names, classes)
        if page.name == "index":
            nb.cells.append(new_markdown_cell(toctrees(found)))
        for i, c in enumerate(nb.cells):
            c["id"] = f"c{i}"
        file = target / f"{page.name}.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nb, file)
    for path in repo.files:  # what the pages link to and show
        if path == "LICENSE" or path.startswith(("figures/", "data/", "nbs/")) and not path.endswith(".ipynb"):
            (place := target / path.removeprefix("nbs/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(repo.root / path, place)
    (target / "names.md").write_text(names_page(repo, found, names), encoding="utf-8")
    (target / "data/README.md").write_text(
        linked(repo.text("data/README.md"), "data/README.md", names), encoding="utf-8"
    )
    korean = repo.text(readme.TRANSLATION).replace("](../README.md)", "](index.ipynb)")  # the README is the first page
    (target / "README.ko.md").write_text(linked(korean, readme.TRANSLATION, names), encoding="utf-8")
    for file in (HERE / "website").glob("*.*"):
        (place := target / ("" if file.suffix == ".py" else "_static")).mkdir(exist_ok=True)
        shutil.copy(file, place)


def build(root, run=True):
    "Writes _site/html; returns its folder."
    from sphinx.cmd.build import main

    repo, site = checks.Repo(root), root / "_site"
    found = pages(repo)
    stage(repo, found, outputs_of(repo, found, site / "outputs", run), site / "source")
    shutil.rmtree(site / "html", ignore_errors=True)
    if main(
        [
            "-b",
            "html",
            "-q",
            "-W",
            "--keep-going",
            "-j",
            str(WORKERS),
            "-d",
            str(site / "doctrees"),
            str(site / "source"),
            str(site / "html"),
        ]
    ):
        sys.exit("Sphinx found faults, above")
    return site / "html"


# ---------------------------------------------------------------- is every name there


def words(text):
    return re.sub(r"[\s`]+", " ", text).strip()


def asked(thing, read):
    "(name, comment) of the parameters of a function, of the fields of a tuple, or of a class that has an __init__ of its own."
    if hasattr(thing, "_fields"):
        return [(f, None) for f in thing._fields]
    if isinstance(thing, type) and "__init__" not in vars(thing):
        return []
    beside = {
        p: about.docment
        for base in getattr(thing, "__mro__", ())[:0:-1]
        if is_dataclass(base)
        for p, about in read(base, full=True).items()
        if about.docment
    }  # of inherited fields
    return [
        ("returns" if p == "return" else p, about.docment or beside.get(p))
        for p, about in read(thing, full=True).items()
        if p != "self" and (p != "return" or about.docment)
    ]


def missing(repo, html):
    "Public names, parameters and comments that the pages lack; `html` maps the names of pages to their text. Reads the modules as Python does, not as `entry` did."
    import importlib

    from bs4 import BeautifulSoup
    from fastcore.docments import docments as read

    entries = {
        dt["id"]: dt.find_parent("dl")
        for text in html.values()
        for dt in BeautifulSoup(text, "html.parser").find_all("dt", id=True)
    }
    looked = 0
    for module in repo.modules:
        m = importlib.import_module(f"diffhyper.{module}")
        for name in m.__all__:
            looked, place, thing = looked + 1, f"diffhyper.{module}.{name}", getattr(m, name)
            if place not in entries:
                yield f"{place} is on no page"
                continue
            if not callable(thing) or getattr(thing, "__module__", "") != m.__name__:
                continue
            text, table = words(entries[place].get_text(" ")).replace(" ", ""), entries[place].find("table")
            first = (
                {row.find("td").get_text().strip(" *\n") for row in table.find_all("tr") if row.find("td")}
                if table
                else set()
            )
            for parameter, comment in asked(thing, read):
                if parameter not in first:
                    yield f"{place}: parameter {parameter} is not on its page"
                if comment and words(comment).replace(" ", "") not in text:
                    yield f"{place}: the comment of {parameter} is not on its page: {comment}"
    if not looked:
        yield "looked at nothing"


def read_pages(folder):
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in sorted(folder.rglob("*.html"))}


PLANTS = [
    ("an entry", "05_ops", 'id="diffhyper.ops.soft_bound"', 'id="gone"', "diffhyper.ops.soft_bound is on no page"),
    (
        "a parameter",
        "05_ops",
        '<span class="pre">bound</span></code></p></td>',
        "b</td>",
        "diffhyper.ops.soft_bound: parameter bound",
    ),
    ("a comment", "05_ops", "largest magnitude", "", "diffhyper.ops.soft_bound: the comment of bound"),
    (
        "the comment of an inherited field",
        "00_config",
        "residual blocks in the filters",
        "",
        "diffhyper.config.TrainConfig: the comment of filter_blocks",
    ),
]


def self_test(repo, html):
    "How many planted faults go unseen."
    bad = 0
    for what, stem, old, new, message in PLANTS:
        page = next(n for n in html if n.endswith(f"{stem}.html"))
        seen = set(missing(repo, {page: html[page].replace(old, new)})) - set(missing(repo, {page: html[page]}))
        ok = any(s.startswith(message) for s in seen)
        print(f"{'ok  ' if ok else 'FAIL'} {what} left out{'' if ok else ': not seen'}")
        bad += not ok
    with tempfile.TemporaryDirectory() as d:
        cells = [checks.cell(source, n) for n, source in enumerate(("x = 1", "#| slow\nundefined", "undefined"))]
        Path(d, "planted.ipynb").write_text(
            json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)), encoding="utf-8"
        )
        try:
            execute(Path(d), Page("planted.ipynb", "planted", "", ""), {"slow"})
        except RuntimeError as e:
            ok = str(e).startswith("planted.ipynb cell 2 failed: NameError")
        else:
            ok = False
        print(f"{'ok  ' if ok else 'FAIL'} a cell that fails")
        bad += not ok
    sys.path.insert(0, str(HERE / "website"))
    import equations

    try:
        equations.drawing(r"a \nosuchcommand b", True)
    except ValueError:
        print("ok   an equation that cannot be drawn")
    else:
        print("FAIL an equation that cannot be drawn: not seen")
        bad += 1
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-execute", action="store_true", help="run no notebook")
    parser.add_argument("--check", action="store_true", help="look for every public name in the site that was built")
    parser.add_argument("--self-test", action="store_true", help="see that check fail")
    parser.add_argument("--quarto", action="store_true", help="write the settings of Quarto, for nbdev_docs")
    args, root = parser.parse_args(), HERE.parent
    if args.check or args.self_test:
        sys.path.insert(0, str(root))
        repo, html = checks.Repo(root), read_pages(root / "_site" / "html")
        if args.self_test:
            sys.exit(self_test(repo, html))
        for message in (faults := list(missing(repo, html))):
            print(message)
        print(f"{len(html)} pages, {len(faults)} faults")
        sys.exit(bool(faults))
    if args.quarto:
        for path, text in quarto_files(checks.Repo(root)).items():
            (root / path).write_text(text, encoding="utf-8")
        sys.exit()
    print(f"{build(root, not args.no_execute).relative_to(root)}/index.html")

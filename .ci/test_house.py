"What holds of the notebooks and the files of this repository. Needs no run of them."

import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import fields, is_dataclass
from inspect import Parameter, isfunction, unwrap

import nbformat
import papermill
import pytest
import readme
from fastcore.docments import docments
from nbdev.config import get_config
from torch import Tensor

from diffhyper.config import field_comments
from diffhyper.runs.parameters import cell_of, own_values, parameters_cell

ROOT = readme.ROOT
FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
NOTEBOOKS = [path for path in FILES if path.endswith(".ipynb")]
JOBS = [path for path in NOTEBOOKS if path.startswith("nbs/jobs/")]
MODULES = [path for path in FILES if re.fullmatch(r"diffhyper/.*(?<!__init__)(?<!_modidx)\.py", path)]
EXPORTS, MAX_EXPORT_LINES = {"export", "exports", "exporti"}, 40
KNOWN = {"default_exp", "hide", "eval:", *EXPORTS, *get_config().tst_flags.split()}  # the directives in use here
MAX_WEIGHTS, MAX_SHIPPED, SHIPPED = 16_000_000, 25_000_000, 2  # bytes of a file and of all; how many there are
TOP_LEVEL = {"nbs", "diffhyper", "data", "figures", "settings.ini", "setup.py", "README.md", "LICENSE"}
# folders of one machine, package indexes; this file names them, split
PLACE = (
    r"(^|[^[:alnum:]./:-])/(home|Users|root|tmp|work|private|mnt|workspace)/|[A-Za-z]:\\Users|file:[/]{3}|pypi\.(org|python)"
    r"|pythonhosted\.|index[-_]url|find[-_]links|trusted[-_]host|artifact[o]ry|jfro[g]|[Nn]exus/|download\.pytorch\."
)


def source_cells(notebook):
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def only_imports(source):
    return all(isinstance(s, ast.Import | ast.ImportFrom) for s in ast.parse(source).body)


def directives(source):
    return {m[1] for m in re.finditer(r"^\s*#\s*\|\s*(\S+)", source, re.M)}


def faults(notebook):
    "What nbdev would ignore without a word, or overwrite."
    cells = source_cells(notebook)
    exporting = any("default_exp" in directives(source) for source in cells)
    for source in cells:
        lines = [line for line in source.splitlines() if line.strip()]
        marks = [bool(re.match(r"\s*#\s*\|", line)) for line in lines]
        for unknown in directives(source) - KNOWN:
            yield f"unknown directive {unknown}"
        if sorted(marks, reverse=True) != marks:
            yield f"a directive below code: {source}"
        for line in lines:
            if re.match(r"\s*#\s*[!/]?\s*(default_exp\s+\w+|exports?|exporti|hide)\s*$", line):
                yield f"a directive without its bar: {line}"
        if directives(source) & EXPORTS:
            if not exporting:
                yield "an export in a notebook without default_exp"
            if len(lines) - sum(marks) > MAX_EXPORT_LINES and not only_imports(source):
                yield f"an export of more than {MAX_EXPORT_LINES} lines: {lines[sum(marks)]}"


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_notebook(path):
    "nbformat 4.5, an id for each cell, no outputs, no state of widgets, and directives that nbdev reads."
    notebook = json.loads((ROOT / path).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of ids that are missing or twice there
        nbformat.validate(notebook)
    assert "widgets" not in notebook["metadata"]
    assert not any(c.get("outputs") for c in notebook["cells"]), "run nbdev_clean --clear_all but keep the tags"
    assert list(faults(notebook)) == []


@pytest.mark.parametrize(
    "source",
    ["#| exprot\nx = 1", "x = 1\n#| hide", "# export\nx = 1", "#| export\nx = 1", "#| export\n" + "x = 1\n" * 41],
)
def test_faults_are_seen(source):
    assert list(faults({"cells": [{"cell_type": "code", "source": source}]}))


def test_each_module_has_one_notebook():
    homes = Counter()
    for path in NOTEBOOKS:
        text = "\n".join(source_cells(json.loads((ROOT / path).read_text(encoding="utf-8"))))
        homes.update(re.findall(r"^\s*#\s*\|\s*default_exp\s+(\S+)", text, re.M))
    modules = [path.removeprefix("diffhyper/").removesuffix(".py").replace("/", ".") for path in MODULES]
    assert homes == Counter(modules)


def explained(name, parameter):
    "Whether a comment or a type says what it is; a tensor needs its shape. fastcore reads no comments of `**kwargs`."
    typed = parameter.anno not in (None, Parameter.empty, Tensor)
    starred = parameter.get("kind") in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return parameter.docment or typed or starred or name in ("self", "cls", "_")


def documented(module):
    "Public functions and classes of a module, and their public methods."
    things = [getattr(module, name) for name in module.__all__]
    for thing in (t for t in things if callable(t) and getattr(t, "__module__", "") == module.__name__):
        if not isinstance(thing, type):
            yield thing
            continue
        if "__init__" in vars(thing) and not is_dataclass(thing):
            yield thing.__init__
        yield from (m for name, m in vars(thing).items() if name[0] != "_" and isfunction(m))


@pytest.mark.parametrize("path", MODULES)
def test_parameters_have_a_comment(path):
    "Each parameter of a public function or method, and each field of a dataclass, says what it is."
    module, bare = importlib.import_module(path.removesuffix(".py").replace("/", ".")), []
    for function in documented(module):
        said = docments(unwrap(function), full=True)
        whole = said.pop("return").docment or re.search(r"\(B, ", function.__doc__ or "")
        if not whole:  # one comment or sentence may say it all: (B, C, H, W) -> (B, D)
            bare += [f"{function.__qualname__}: {p}" for p, d in said.items() if not explained(p, d)]
    for thing in (t for t in vars(module).values() if isinstance(t, type) and is_dataclass(t)):
        if thing.__module__ == module.__name__:
            said = field_comments(thing)
            tensors = [f.name for f in fields(thing) if f.init and f.type in (Tensor, "Tensor")]
            bare += [f"{thing.__name__}: {name}" for name in tensors if not said[name]]
    assert not bare


# ---------------------------------------------------------------- jobs


@pytest.mark.parametrize("path", JOBS)
def test_job(path):
    "A job chooses, runs and records: its parameters are the fields of its config, and it defines nothing."
    text = "\n".join(source_cells(json.loads((ROOT / path).read_text(encoding="utf-8"))))
    assert not re.search(r"^\s*(async\s+)?(def|class)\s", text, re.M)
    built = re.findall(r"config_from_notebook\((\w+), globals\(\)\)", text)
    assert len(built) == 1, f"one config from the parameters, not {built}"
    home = re.search(rf"^from (\S+) import .*\b{built[0]}\b", text, re.M)[1]
    config = getattr(importlib.import_module(home), built[0])
    cell = cell_of(nbformat.read(ROOT / path, as_version=4)).source
    assert cell == parameters_cell(config, own_values(cell)), "refresh_jobs('nbs/jobs') of diffhyper.runs.parameters"
    assert papermill.inspect_notebook(str(ROOT / path)).keys() == {f.name for f in fields(config)}


# ---------------------------------------------------------------- README, files


def test_readme():
    assert (ROOT / "README.md").read_text(encoding="utf-8") == readme.generate(), "run python .ci/readme.py"
    assert "evaluate_diffusion_hyperprior" in readme.command("main") and "nbdev_test" in readme.command("test")


def test_translation():
    "The Korean README has the code, headings, links and tables of README.md, and each names the other."
    english = (ROOT / "README.md").read_text(encoding="utf-8")
    korean = readme.from_root((ROOT / "nbs/README.ko.md").read_text(encoding="utf-8"))
    assert "](nbs/README.ko.md)" in english and "](README.md)" in korean

    def skeleton(text):
        prose = "".join(readme.CODE.split(text)[::2])
        links = [m[2] for m in readme.LINK.finditer(prose) if m[2] not in ("README.md", "nbs/README.ko.md")]
        rows = [line.count("|") for line in text.splitlines() if line.startswith("|")]
        blocks, headings = re.findall(r"^```.*?^```", text, re.M | re.S), re.findall(r"^#+(?= )", prose, re.M)
        return blocks, headings, links, rows

    for here, there in zip(skeleton(english), skeleton(korean), strict=True):
        assert here == there


def test_top_level():
    assert {path.split("/")[0] for path in FILES if path[0] != "."} == TOP_LEVEL


def test_weights():
    weights = [path for path in FILES if path.startswith("diffhyper/") and path.endswith(".safetensors")]
    sizes = [(ROOT / path).stat().st_size for path in weights]
    assert len(sizes) == SHIPPED and max(sizes) <= MAX_WEIGHTS and sum(sizes) <= MAX_SHIPPED
    assert not [path for path in FILES if re.search(r"^diffhyper/.*\.(pth|pt|ckpt|pkl|pickle)$", path)]


def test_the_wheel_has_the_jobs(tmp_path):
    "Who installs the package without a clone can run its notebooks and plans."
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True)
    built = {path.name for path in (tmp_path / "diffhyper" / "jobs").iterdir()}
    assert built == {path.split("/")[-1] for path in FILES if path.startswith("nbs/jobs/")}


def test_no_place_of_one_machine():
    found = subprocess.run(["git", "grep", "-nIE", PLACE], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 1, found.stdout[:2000]


# ---------------------------------------------------------------- rooms: import-linter fails when it must


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("model/ops", "from diffhyper.measure.quality import psnr", "rooms import downwards only"),
        ("measure/evaluate", "def late(): from diffhyper.train import loop", "evaluation does not know training"),
        ("model/denoiser", "import diffhyper.model.entropy", "diffusion does not know compression"),
        ("model/transforms", "from .schedule import alpha", "compression does not know diffusion"),
        ("model/schedule", "from diffhyper.model import denoiser", "no module imports itself by way of others"),
        ("stray", "x = 1", "rooms import downwards only"),
    ],
)
def test_a_planted_import_is_seen(tmp_path, module, line, contract):
    shutil.copytree(ROOT / "diffhyper", tmp_path / "diffhyper", ignore=shutil.ignore_patterns("weights"))
    with (tmp_path / f"diffhyper/{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    command = [f"{sys.prefix}/bin/lint-imports", "--no-cache", "--config", str(ROOT / ".ci/rooms.ini")]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode and (f"{contract} BROKEN" in said.stdout or "stray" in said.stdout)

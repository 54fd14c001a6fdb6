"""What must hold in this repository, one small function per check.

`checks.py` runs them all; `checks.py --self-test` copies the tree, plants violations one at a time, and demands that each makes exactly its own check fail.
A check yields one message per violation and returns how many things it looked at: a check that looked at nothing has failed.
"""

import ast
import functools
import io
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
from configparser import ConfigParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import docments  # noqa: E402
import readme  # noqa: E402
import sitemap  # noqa: E402

PACKAGE, EXPORT = "diffhyper", {"export", "exporti", "exports"}
TOP_LEVEL = {"nbs", "diffhyper", "data", "figures", "settings.ini", "setup.py", "README.md", "LICENSE"}  # and dot-files
MAX_EXPORT_LINES, MAX_OUTPUT_BYTES, MAX_WEIGHT_BYTES = 40, 200_000, 16_000_000
MAX_CODE_WIDTH = 140  # characters: about what JupyterLab shows of a line in a window of 1400 pixels

# The ladder: what each module may import, itself aside. Compression (transforms, entropy) and diffusion meet in their integer twin and in codec; training knows nothing of evaluation.
BASE = {"config", "files", "ops", "rounding", "tiles", "data"}
DIFFUSION, COMPRESSION = BASE | {"schedule", "denoiser", "diffusion"}, BASE | {"transforms", "entropy"}
CODEC = COMPRESSION | DIFFUSION | {"integer", "codec", "loading", "container", "bitstream"}
MEASURE = CODEC | {"baselines", "checkpoint", "metrics", "anchors", "record"}
LADDER = {
    "config": set(),
    "files": {"config"},
    "ops": {"config"},
    "rounding": {"config", "ops"},
    "tiles": set(),
    "data": {"config", "ops"},
    "transforms": BASE,
    "entropy": BASE | {"transforms"},
    "schedule": BASE,
    "denoiser": BASE | {"schedule"},
    "diffusion": BASE | {"schedule", "denoiser"},
    "integer": COMPRESSION | DIFFUSION,
    "codec": COMPRESSION | DIFFUSION | {"integer"},
    "loading": COMPRESSION | DIFFUSION | {"codec", "container"},
    "container": {"config"},
    "bitstream": COMPRESSION | DIFFUSION | {"codec", "loading", "container"},
    "pillow": CODEC,
    "baselines": CODEC,
    "checkpoint": CODEC,
    "train": CODEC | {"baselines", "checkpoint"},
    "metrics": BASE,
    "record": CODEC | {"metrics"},
    "anchors": BASE,
    "evaluate": MEASURE,
    "speed": MEASURE | {"train", "evaluate"},
    "speed_plots": MEASURE | {"evaluate", "speed"},  # speed joins training and evaluation: it times both
    "anatomy": MEASURE | {"evaluate"},
    "anatomy_plots": MEASURE | {"evaluate", "anatomy", "plots"},
    "plots": MEASURE | {"evaluate"},
    "tour_plots": MEASURE | {"evaluate", "anatomy", "anatomy_plots", "plots"},
    "live": MEASURE | {"train", "evaluate", "plots"},  # live joins training and evaluation: it shows both
    "explore": MEASURE | {"evaluate", "plots", "anatomy"},
    "explore_widgets": MEASURE | {"explore"},
    "study": MEASURE | {"evaluate"},
    "card": MEASURE | {"evaluate"},
    "sweep": {"config", "files"},
    "workers": {"config", "sweep"},
    "sweep_results": MEASURE | {"evaluate", "plots", "live", "sweep"},
    "cli": MEASURE | {"sweep", "workers", "sweep_results", "train", "evaluate", "plots"},
}

# The config that each run notebook builds; other notebooks there are asked which one of diffhyper.config they call.
RUN_CONFIG = {
    "train": "TrainConfig",
    "evaluate": "EvaluateConfig",
    "report": "ReportConfig",
    "speed": "SpeedConfig",
    "anatomy": "AnatomyConfig",
    "sweep": "SweepConfig",
}

# Directives of nbdev 2.4.14, then those that Quarto reads from a cell; `tst_flags` of settings.ini are added.
NBDEV_DIRECTIVES = set("default_exp export exports exporti hide hide_line filter_stream exec_doc".split())
QUARTO_DIRECTIVES = set(
    "eval echo output warning error include code-fold code-summary label fig-cap tbl-cap layout-ncol column".split()
)


# ---------------------------------------------------------------- what the checks look at


class Repo:
    "The files of a checkout: tracked ones, and untracked ones that git does not ignore."

    def __init__(self, root):
        self.root = Path(root)
        out = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, check=True, text=True
        ).stdout
        self.files = sorted(p for p in set(out.split("\0")) - {""} if (self.root / p).is_file())
        self.notebooks = {p: json.loads(self.text(p)) for p in self.files if p.endswith(".ipynb")}
        self.modules = {
            p[len(PACKAGE) + 1 : -3].replace("/", "."): p
            for p in self.files
            if p.startswith(PACKAGE + "/") and p.endswith(".py") and Path(p).name not in ("__init__.py", "_modidx.py")
        }

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def settings(self):
        config = ConfigParser(delimiters=["="])
        config.read_string(self.text("settings.ini"))
        return config["DEFAULT"]

    def code(self, path):
        "(index, source, cell) of the code cells of a notebook."
        return [
            (i, "".join(c["source"]), c)
            for i, c in enumerate(self.notebooks[path]["cells"])
            if c["cell_type"] == "code"
        ]

    def runs(self):
        return [p for p in self.notebooks if p.startswith("nbs/runs/")]

    def exports(self):
        "(module, notebook) of every `#| default_exp`."
        return [
            (m[1], p)
            for p in self.notebooks
            for _, src, _ in self.code(p)
            if (m := re.search(r"^\s*#\s*\|\s*default_exp\s+(\S+)", src, re.M))
        ]


def parsed(source):
    "Syntax tree of a cell, its magics left out."
    return ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M))


def imports(tree, module):
    "Names of this package's modules that `tree`, the code of `module`, imports, at any depth of the code."
    here = [PACKAGE] + module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name.partition(".")[2] for a in node.names if a.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            full = ".".join(base + ([node.module] if node.module else []))
            if full == PACKAGE:
                yield from (a.name for a in node.names if a.name != "__version__")
            elif full.startswith(PACKAGE + "."):
                yield full[len(PACKAGE) + 1 :]


def dataclass_fields(tree):
    "Class name -> names of its annotated fields, those of bases in the same file first."
    classes = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}

    def fields(c):
        own = [
            s.target.id
            for s in c.body
            if isinstance(s, ast.AnnAssign)
            and isinstance(s.target, ast.Name)
            and "ClassVar" not in ast.unparse(s.annotation)
        ]
        return [f for b in c.bases if isinstance(b, ast.Name) and b.id in classes for f in fields(classes[b.id])] + own

    return {name: list(dict.fromkeys(fields(c))) for name, c in classes.items()}


def is_parameters(cell):
    return "parameters" in cell["metadata"].get("tags", [])


# ---------------------------------------------------------------- the checks


def check_modules(repo):
    "every module comes from exactly one notebook"
    homes = {}
    for module, path in repo.exports():
        homes.setdefault(module, []).append(path)
    for module, paths in homes.items():
        if len(paths) > 1:
            yield f"default_exp {module} is declared by {' and '.join(paths)}: they overwrite each other"
        if module not in repo.modules:
            yield f"{paths[0]} declares default_exp {module}, but {PACKAGE}/{module.replace('.', '/')}.py does not exist: run nbdev_export"
    for module, path in repo.modules.items():
        if module not in homes:
            yield f"{path} comes from no notebook: delete it, or declare `#| default_exp {module}`"
    exporting = {path for paths in homes.values() for path in paths}
    for path in repo.notebooks:
        lost = [i for i, src, _ in repo.code(path) if readme.directives(src) & EXPORT]
        if lost and path not in exporting:
            yield f"{path} cell {lost[0]} exports, but the notebook has no default_exp"
    return len(homes)


def check_ladder(repo):
    "imports only go down the ladder"
    for module, path in repo.exports():
        if module not in LADDER:
            yield f"{path}: module {module} has no rung; add it to LADDER in .ci/checks.py"
    for module in LADDER.keys() & repo.modules.keys():
        for target in sorted(
            set(imports(ast.parse(repo.text(repo.modules[module])), module)) - {module} - LADDER[module]
        ):
            yield f"{repo.modules[module]} imports {target or PACKAGE}; the ladder allows it {', '.join(sorted(LADDER[module])) or 'nothing'}"
    return len(LADDER.keys() & repo.modules.keys())


def check_directives(repo):
    "every `#|` directive is known and stands where nbdev reads it"
    known = NBDEV_DIRECTIVES | QUARTO_DIRECTIVES | set(repo.settings()["tst_flags"].split())
    seen = 0
    for path in repo.notebooks:
        for i, src, _ in repo.code(path):
            head = True
            for line in src.splitlines():
                m = re.match(r"\s*#\s*\|\s*([\w-]*)(\s*:)?", line)
                if m and (m[1] not in known or bool(m[2]) != (m[1] in QUARTO_DIRECTIVES)):
                    yield f"{path} cell {i}: unknown directive {line.strip()!r}"
                elif m and not head:
                    yield f"{path} cell {i}: {line.strip()!r} stands below code, where nbdev ignores it"
                elif re.match(r"\s*#\s*[!/]?\s*(default_exp\s+\w+|exports?|exporti|hide)\s*$", line):
                    yield f"{path} cell {i}: {line.strip()!r} lacks the bar of `#|`"
                seen += bool(m)
                if line.strip() and not m and not line.lstrip().startswith("%%"):
                    head = False
    return seen


def check_star_imports(repo):
    "no star imports: they hide undefined names from the linter"
    sources = [(f"{p} cell {i}", src) for p in repo.notebooks for i, src, _ in repo.code(p)] + [
        (p, repo.text(p)) for p in repo.files if p.endswith(".py")
    ]
    for where, src in sources:
        for m in re.finditer(r"^\s*from\s+\S+\s+import\s*\(?\s*\*.*", src, re.M):
            yield f"{where}: {m[0].strip()}"
    return len(sources)


def check_export_cells(repo):
    "no exported cell above the limit of lines"
    cells = [(p, i, src) for p in repo.notebooks for i, src, _ in repo.code(p) if readme.directives(src) & EXPORT]
    for path, i, src in cells:
        n = sum(bool(line.strip()) and not re.match(r"\s*#\s*\|", line) for line in src.splitlines())
        if n > MAX_EXPORT_LINES:
            yield f"{path} cell {i} exports {n} lines, more than {MAX_EXPORT_LINES}: split it"
    return len(cells)


def check_docments(repo):
    "every public function, class and method says what it does, and every parameter and field has a comment beside it"
    seen = 0
    for module, path in repo.modules.items():
        for name in (m for n in docments.public_names(repo.text(path)) if n.kind != "data" for m in (n, *n.methods)):
            seen, where = seen + 1, f"{path}: {name.owner + '.' if name.owner else ''}{name.name}"
            told = (
                name.parameters[-1].comment if name.parameters else ""
            )  # one comment may say it all: (B, C, H, W) -> (B, D)
            if not name.doc and not (name.name == "forward" and told):
                yield f"{where} has no docstring"
            if name.name == "forward" and told or " -> " in told:
                continue
            if bare := [
                p.name for p in name.parameters if p.name != "return" and not p.name.startswith("_") and not p.comment
            ]:
                yield f"{where}: no comment beside {', '.join(bare)}"
    return seen


@functools.cache  # a planted tree differs from the clean one in a file or two
def invalid(text):
    "What nbformat says against a notebook; '' if nothing."
    import nbformat

    try:
        nbformat.validate(json.loads(text))
    except nbformat.ValidationError as e:
        return str(e).splitlines()[0]
    return ""


def check_format(repo):
    "every notebook is valid nbformat 4.5 with unique cell ids and small outputs"
    for path, nb in repo.notebooks.items():
        ids = [c.get("id") for c in nb["cells"]]
        if (nb["nbformat"], nb["nbformat_minor"]) < (4, 5):
            yield f"{path} is nbformat {nb['nbformat']}.{nb['nbformat_minor']}, not 4.5"
        elif None in ids or len(set(ids)) < len(ids):
            yield f"{path} has cells without an id, or two with the same one"
        elif said := invalid(repo.text(path)):
            yield f"{path}: {said}"
        for i, _, c in repo.code(path):
            if (n := len(json.dumps(c["outputs"]))) > MAX_OUTPUT_BYTES:
                yield f"{path} cell {i} has {n} bytes of output, more than {MAX_OUTPUT_BYTES}: clear it"
    return len(repo.notebooks)


def check_readme(repo):
    "README.md is what nbs/index.ipynb says, has the two commands, and its links lead somewhere"
    text, found = repo.text("README.md"), readme.commands(repo.text("README.md"))
    if text != readme.generate(repo.root):
        yield "README.md differs from nbs/index.ipynb: run  python .ci/readme.py --write"
    for name in ("main", "test"):
        if name not in found:
            yield f"README.md has no fenced block after <!-- command: {name} -->"
    for target in readme.broken_links(repo.root, text):
        yield f"README.md links to {target}, which does not exist"
    return len(found)


def check_translation(repo):
    "the translated README has the commands, links, headings and tables of README.md, each names the other, and its links lead somewhere"
    text, path = repo.text("README.md"), readme.TRANSLATION
    if path not in repo.files:
        yield f"{path} does not exist"
        return 1
    translated = readme.from_root(repo.text(path))
    for gap in readme.translation_gaps(text, translated, readme.broken_links(repo.root, text)):
        yield f"{path} has not followed README.md: {gap}"
    for target in readme.broken_links(repo.root, translated):
        yield f"{path} links to {target}, which does not exist"
    if f"]({path})" not in text or "](README.md)" not in translated:
        yield f"README.md and {path} do not link to each other"
    return len(readme.skeleton(text)["links"])


def check_quarto(repo):
    "the settings of Quarto are what the notebooks and settings.ini say, and lead to every notebook"
    import yaml

    parsed, wanted = {}, sitemap.quarto_files(repo)
    for path, text in wanted.items():
        if path not in repo.files:
            yield f"{path} does not exist: run  python .ci/website.py --quarto"
            continue
        try:
            parsed[path] = yaml.safe_load(repo.text(path))
        except yaml.YAMLError as e:
            yield f"{path} is no YAML: {str(e).splitlines()[0]}"
            continue
        if repo.text(path) != text:
            yield f"{path} differs from what the notebooks and settings.ini say: run  python .ci/website.py --quarto"
    if len(parsed) < len(wanted):
        return len(parsed)
    quarto, site, sidebar = parsed.values()
    if quarto["project"]["type"] != "website" or "html" not in quarto["format"]:
        yield "nbs/_quarto.yml describes no website"
    for name in quarto["metadata-files"]:
        if f"nbs/{name}" not in repo.files:
            yield f"nbs/_quarto.yml reads {name}, which does not exist"
    if not site["website"]["site-url"].startswith("https://"):
        yield "nbs/nbdev.yml has no address"
    found = [f"nbs/{p}" for p in sitemap.listed(sidebar["website"]["sidebar"]["contents"])]
    for path in sorted({p for p in repo.notebooks if p.startswith("nbs/")} ^ set(found)):
        yield f"{path} is in the sidebar or in nbs/, not in both"
    return len(found)


def check_parameters_cell(repo):
    "one cell tagged `parameters` in every run notebook: annotated scalars, one per line"
    for path in repo.runs():
        cells = [src for _, src, c in repo.code(path) if is_parameters(c)]
        if len(cells) != 1:
            yield f"{path} has {len(cells)} cells tagged parameters, not one"
        for s in (s for src in cells for s in parsed(src).body):
            if not (isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name) and s.value):
                yield f"{path}: {ast.unparse(s)!r} is no annotated scalar such as `epochs: int = 1`"
    return len(repo.runs())


def configs_of(tree):
    "Names of the configurations that code builds: `config_from_notebook(X, globals())` counts as X, a call X(...) as 'X by hand'."
    for n in ast.walk(tree):
        if not isinstance(n, ast.Call):
            continue
        if ast.unparse(n.func) == "config_from_notebook":
            yield (
                ast.unparse(n.args[0])
                if len(n.args) == 2 and ast.unparse(n.args[1]) == "globals()"
                else "something not from globals()"
            )
        elif isinstance(n.func, ast.Name) and n.func.id.endswith("Config"):
            yield f"{n.func.id} by hand"


def check_parameters_config(repo):
    "the parameters of a run notebook are the fields of the config that it builds, by `config_from_notebook`, which refuses all others"
    for name in RUN_CONFIG:
        if f"nbs/runs/{name}.ipynb" not in repo.notebooks:
            yield f"nbs/runs/{name}.ipynb does not exist"
    fields = dataclass_fields(ast.parse(repo.text(repo.modules["config"]))) if "config" in repo.modules else {}
    for path in repo.runs():
        trees = [(parsed(src), c) for _, src, c in repo.code(path)]
        built, wanted = sorted({name for t, _ in trees for name in configs_of(t)}), RUN_CONFIG.get(Path(path).stem)
        if len(built) != 1 or built[0] not in fields or wanted not in (None, *built):
            yield f"{path} builds {' and '.join(built) or 'no config'}, not {wanted or 'exactly one'} by config_from_notebook({wanted or '...'}, globals())"
            continue
        names = {
            t.id
            for tree, c in trees
            if is_parameters(c)
            for s in tree.body
            if isinstance(s, (ast.Assign, ast.AnnAssign))
            for t in getattr(s, "targets", [getattr(s, "target", None)])
            if isinstance(t, ast.Name)
        }
        if extra := sorted(names - set(fields[built[0]])):
            yield f"{path}: parameters {', '.join(extra)} are no fields of {built[0]}"
        if missing := sorted(set(fields[built[0]]) - names):
            yield f"{path}: fields {', '.join(missing)} of {built[0]} are no parameters"
    return len(repo.runs())


def told(source, body):
    "Name -> (type, default, comment) of the annotated assignments in a list of statements; a default that is another name is looked up in the source."
    comments = {
        t.start[0]: t.string.lstrip("# ")
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokenize.COMMENT
    }
    known = {
        t.id: ast.literal_eval(n.value)
        for n in ast.parse(source).body
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)
        for t in n.targets
        if isinstance(t, ast.Name)
    }
    value = lambda node: known.get(node.id) if isinstance(node, ast.Name) else ast.literal_eval(node)
    return {
        s.target.id: (ast.unparse(s.annotation), value(s.value), comments.get(s.end_lineno, ""))
        for s in body
        if isinstance(s, ast.AnnAssign) and s.value
    }


def check_parameters_help(repo):
    "what `papermill --help-notebook` says of a parameter is what its field says: type, comment, and where the default is another one, why, and the field's"
    source = repo.text(repo.modules["config"]) if "config" in repo.modules else ""
    classes, seen = {}, 0
    for n in ast.parse(source).body:
        if isinstance(n, ast.ClassDef):
            classes[n.name] = {k: v for b in n.bases for k, v in classes.get(ast.unparse(b), {}).items()} | told(
                source, n.body
            )
    for path in repo.runs():
        cells = [src for _, src, c in repo.code(path) if is_parameters(c)]
        fields = classes.get(next((name for _, src, _ in repo.code(path) for name in configs_of(parsed(src))), ""), {})
        for name, (kind, default, comment) in (told(cells[0], parsed(cells[0]).body) if cells else {}).items():
            seen += 1
            field_kind, field_default, field_comment = fields.get(name, (kind, default, comment))
            if kind != field_kind or type(default).__name__ != kind:
                yield f"{path}: {name} is a {kind} with a default that is a {type(default).__name__}; its field is a {field_kind}"
            if not comment or "=" in comment:
                yield f"{path}: {name} needs a comment, without an equals sign, which papermill --help-notebook cannot read"
            pattern = re.escape(field_comment) + (
                ""
                if default == field_default
                else rf" \((smoke size|here [^()]+), otherwise {re.escape(repr(field_default))}\)"
            )
            if not re.fullmatch(pattern, comment):
                yield f"{path}: the comment of {name} is not that of its field, {field_comment!r}" + (
                    "" if default == field_default else f", followed by '(smoke size, otherwise {field_default!r})'"
                )
    return seen


def check_run_notebooks(repo):
    "run notebooks define no function and no class"
    for path in repo.runs():
        for i, src, _ in repo.code(path):
            for node in ast.walk(parsed(src)):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    yield f"{path} cell {i} defines {node.name}: move it to a core notebook"
    return len(repo.runs())


def check_code_width(repo):
    "code lines of guides and run notebooks are seen whole; parameters cells, whose comments papermill reads, are excepted"
    seen = 0
    for path in repo.notebooks:
        if not path.startswith(("nbs/guides/", "nbs/runs/")):
            continue
        for i, src, c in repo.code(path):
            if is_parameters(c):
                continue
            for n, line in enumerate(src.splitlines(), 1):
                seen += 1
                if len(line) > MAX_CODE_WIDTH:
                    yield f"{path} cell {i} line {n} has {len(line)} characters, more than {MAX_CODE_WIDTH}: {line.strip()[:60]}"
    return seen


def check_top_level(repo):
    "nothing unexpected at the top level"
    names = {p.split("/")[0] for p in repo.files}
    for name in sorted(names - TOP_LEVEL):
        if not name.startswith("."):
            yield f"{name} does not belong at the top level"
    for name in sorted(TOP_LEVEL - names):
        yield f"{name} is missing"
    return len(names)


def check_weights(repo):
    "every file of shipped weights stays below the limit and is not pickled"
    weights = [p for p in repo.files if p.startswith(f"{PACKAGE}/") and p.endswith(".safetensors")]
    for path in weights:
        if (size := (repo.root / path).stat().st_size) > MAX_WEIGHT_BYTES:
            yield f"{path} takes {size} bytes, more than {MAX_WEIGHT_BYTES}"
    for path in repo.files:
        if path.startswith(f"{PACKAGE}/") and path.endswith((".pth", ".pt", ".ckpt", ".pkl", ".pickle")):
            yield f"{path}: pickled weights are not shipped"
    return len(weights)


def check_places(repo):
    "no path of one machine, no package index, in any text file"
    place = re.compile(
        r"(?<![\w./:-])/(?:home|Users|root|tmp|work|private|mnt|workspace)/|[A-Za-z]:\\Users|file:[/]{3}"
        r"|pypi\.(?:org|python)|pythonhosted\.|(?:extra-)?index[-_]url|find[-_]links|trusted[-_]host|artifact[o]ry|jfro[g]|[Nn]exus/|download\.pytorch\.",
        re.I,
    )
    read = 0
    for path in repo.files:
        if b"\0" in (data := (repo.root / path).read_bytes())[:8192]:
            continue
        read += 1
        for n, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if m := place.search(line):
                yield f"{path}:{n} names {m[0]!r}: {line.strip()[:80]}"
    return read


CHECKS = [
    check_modules,
    check_ladder,
    check_directives,
    check_star_imports,
    check_export_cells,
    check_docments,
    check_format,
    check_readme,
    check_translation,
    check_quarto,
    check_parameters_cell,
    check_parameters_config,
    check_parameters_help,
    check_run_notebooks,
    check_code_width,
    check_top_level,
    check_weights,
    check_places,
]


# ---------------------------------------------------------------- running them


def outcome(check, repo):
    "(messages, number of things looked at)"
    messages, steps = [], check(repo)
    while True:
        try:
            messages.append(next(steps))
        except StopIteration as end:
            return messages if end.value else messages or ["looked at nothing"], end.value
        except Exception as e:
            return [*messages, f"stopped with {type(e).__name__}: {e}"], 0


def run(root):
    "Check name -> (messages, number of things looked at)."
    repo = Repo(root)
    return {check.__name__[len("check_") :]: outcome(check, repo) for check in CHECKS}


def report(root):
    "Prints a line per check; returns how many failed."
    results = run(root)
    for name, (messages, n) in results.items():
        print(f"{'FAIL' if messages else 'ok  '} {name} ({n})")
        for m in messages:
            print(f"       {m}")
    return sum(bool(messages) for messages, _ in results.values())


# ---------------------------------------------------------------- seeing every check fail


def cell(source, n, outputs=(), tags=()):
    return dict(
        cell_type="code",
        id=f"planted-{n}",
        metadata={"tags": list(tags)} if tags else {},
        source=source.splitlines(keepends=True),
        execution_count=None,
        outputs=list(outputs),
    )


def notebook(*sources, outputs=(), minor=5, ids=True):
    "Plants a new notebook."

    def plant(root):
        cells = [cell(s, n, outputs) for n, s in enumerate(sources)]
        if not ids:
            cells = [{k: v for k, v in c.items() if k != "id"} for c in cells]
        (root / ".planted").mkdir()  # out of sight of the checks that look at nbs/ as a whole
        (root / ".planted" / "planted.ipynb").write_text(
            json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=minor)), encoding="utf-8"
        )

    return plant


def edited(path, change):
    "Plants a change of a notebook: `change` gets it as a dict."

    def plant(root):
        nb = json.loads((root / path).read_text(encoding="utf-8"))
        change(nb)
        (root / path).write_text(json.dumps(nb), encoding="utf-8")

    return plant


def more_cells(path, *cells):
    return edited(path, lambda nb: nb["cells"].extend(cells))


def parameters(change):
    "Plants a change of the parameters cell of runs/train: `change` maps its source to another."

    def edit(nb):
        c = next(c for c in nb["cells"] if is_parameters(c))
        c["source"] = change("".join(c["source"])).splitlines(keepends=True)

    return edited("nbs/runs/train.ipynb", edit)


def without_annotation(source):
    return re.sub(r"^(\w+)\s*:[^=]*=", r"\1 =", source, count=1, flags=re.M)


def one_by_hand(root):
    "A configuration built from some names: what papermill was given beyond them would go unseen."
    change = lambda nb: [
        c.update(
            source="".join(c["source"])
            .replace("config_from_notebook(EvaluateConfig, globals())", "EvaluateConfig(model_path=model_path)")
            .splitlines(keepends=True)
        )
        for c in nb["cells"]
    ]
    edited("nbs/runs/evaluate.ipynb", change)(root)


def without_first(source):
    first = ast.parse(source).body[0]
    return "\n".join(source.splitlines()[: first.lineno - 1] + source.splitlines()[first.end_lineno :])


def appended(path, text):
    def plant(root):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with (root / path).open("a", encoding="utf-8") as f:
            f.write(text)

    return plant


def both(*plants):
    def plant(root):
        for p in plants:
            p(root)

    return plant


def in_file(path, old, new):
    def plant(root):
        (root / path).write_text((root / path).read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    return plant


def index(change):
    "Plants a change of the text of nbs/index.ipynb and of the README made from it."

    def edit(nb):
        for c in nb["cells"]:
            c["source"] = change("".join(c["source"])).splitlines(keepends=True)

    return both(
        edited("nbs/index.ipynb", edit),
        lambda root: (root / "README.md").write_text(readme.generate(root), encoding="utf-8"),
    )


def one_module_less(root):
    (root / next(p for m, p in Repo(root).modules.items() if m != "config")).unlink()


BIG_OUTPUT = dict(output_type="stream", name="stdout", text=["x" * (MAX_OUTPUT_BYTES + 1)])
PLANTS = [
    ("modules", "a module without a notebook", appended("diffhyper/orphan.py", "x = 1\n")),
    ("modules", "two notebooks of one module", notebook("#| default_exp config")),
    ("modules", "a notebook whose module is gone", one_module_less),
    ("modules", "an export without default_exp", notebook("#| export\nx = 1")),
    (
        "ladder",
        "config imports cli",
        appended("diffhyper/config.py", "\n\ndef _late():\n    from .cli import x\n    return x\n"),
    ),
    ("ladder", "training imports evaluation", appended("diffhyper/train.py", "\nimport diffhyper.evaluate\n")),
    (
        "ladder",
        "diffusion imports compression",
        appended("diffhyper/schedule.py", "\nfrom diffhyper import transforms\n"),
    ),
    (
        "ladder",
        "a module without a rung",
        both(notebook("#| default_exp stray"), appended("diffhyper/stray.py", "x = 1\n")),
    ),
    ("directives", "a misspelt directive", notebook("#| exprot\nx = 1")),
    ("directives", "a Quarto directive without its colon", notebook("#| eval false\nx = 1")),
    ("directives", "a directive below code", notebook("x = 1\n#| hide")),
    ("directives", "a directive without its bar", notebook("# export\nx = 1")),
    ("star_imports", "a star import", notebook("from math import *")),
    (
        "export_cells",
        "a long exported cell",
        more_cells("nbs/core/00_config.ipynb", cell("#| export\n" + "x = 1\n" * (MAX_EXPORT_LINES + 1), 0)),
    ),
    ("docments", "a function without a docstring", appended("diffhyper/ops.py", "\n\ndef stray():\n    return 1\n")),
    (
        "docments",
        "a parameter without a comment",
        appended(
            "diffhyper/ops.py",
            '\n\ndef stray(\n    a: int,  # number\n    b: int,\n):\n    "Stray."\n    return a, b\n',
        ),
    ),
    (
        "docments",
        "parameters that share a comment",
        appended(
            "diffhyper/ops.py", '\n\ndef stray(\n    a: int, b: int,  # numbers\n):\n    "Stray."\n    return a, b\n'
        ),
    ),
    ("docments", "a bare field", appended("diffhyper/ops.py", '\n\nclass Stray:\n    "Stray."\n    a: int\n')),
    (
        "docments",
        "a bare method",
        appended("diffhyper/ops.py", '\n\nclass Stray:\n    "Stray."\n    def f(self): return 1\n'),
    ),
    ("format", "a notebook of format 4.4", notebook("x = 1", minor=4, ids=False)),
    ("format", "cells without ids", notebook("x = 1", ids=False)),
    ("format", "two cells of one id", more_cells("nbs/core/00_config.ipynb", cell("1", 0), cell("2", 0))),
    ("format", "a big output", notebook("x = 1", outputs=[BIG_OUTPUT])),
    ("readme", "an edited README", appended("README.md", "more\n")),
    ("readme", "a command without its mark", index(lambda s: s.replace("<!-- command: test -->", ""))),
    ("readme", "a link to nowhere", index(lambda s: s + "\n[gone](core/gone.ipynb)" if s.startswith("# ") else s)),
    ("translation", "a command that changed", in_file("nbs/README.ko.md", "--save_samples", "--save_sample")),
    ("translation", "a heading less", in_file("nbs/README.ko.md", "\n## ", "\n")),
    ("translation", "a link less", in_file("nbs/README.ko.md", "](guides/", "](http://example.org/")),
    ("quarto", "a sidebar that leads elsewhere", appended("nbs/sidebar.yml", "      - gone.ipynb\n")),
    ("quarto", "settings that are no YAML", appended("nbs/_quarto.yml", "a: [\n")),
    ("quarto", "settings that are gone", lambda root: (root / "nbs/nbdev.yml").unlink()),
    (
        "parameters_cell",
        "two parameters cells",
        more_cells("nbs/runs/train.ipynb", cell("# nothing", 0, tags=["parameters"])),
    ),
    ("parameters_cell", "a parameter without annotation", parameters(without_annotation)),
    ("parameters_config", "a parameter that is no field", parameters(lambda s: s + "\nstray: int = 1  # of no use")),
    ("parameters_config", "a field that is no parameter", parameters(without_first)),
    ("parameters_config", "a config built by hand", one_by_hand),
    (
        "parameters_help",
        "a default of another type",
        parameters(lambda s: s.replace("cache_gb: float = 2.0", "cache_gb: float = 2")),
    ),
    (
        "parameters_help",
        "another type than the field",
        parameters(lambda s: s.replace("seed: int = 0", "seed: float = 0.0")),
    ),
    (
        "parameters_help",
        "a parameter without a comment",
        parameters(lambda s: re.sub(r"^(seed.*?)  #.*", r"\1", s, flags=re.M)),
    ),
    (
        "parameters_help",
        "another comment than the field",
        parameters(lambda s: s.replace("# largest norm", "# greatest norm")),
    ),
    (
        "parameters_help",
        "a smoke size that is not called one",
        parameters(lambda s: re.sub(r"^(epochs.*?) \(smoke.*", r"\1", s, flags=re.M)),
    ),
    (
        "parameters_help",
        "a wrong usual default",
        parameters(lambda s: s.replace("smoke size, otherwise 8)", "smoke size, otherwise 9)")),
    ),
    ("run_notebooks", "a function in a run notebook", more_cells("nbs/runs/train.ipynb", cell("def f(): return 1", 0))),
    ("run_notebooks", "a class in a run notebook", more_cells("nbs/runs/evaluate.ipynb", cell("class C: pass", 0))),
    (
        "code_width",
        "a long line in a guide",
        more_cells("nbs/guides/exact.ipynb", cell("x = 1  # " + "y" * MAX_CODE_WIDTH, 0)),
    ),
    (
        "code_width",
        "a long line in a run",
        more_cells("nbs/runs/train.ipynb", cell("x = 1  # " + "y" * MAX_CODE_WIDTH, 0)),
    ),
    ("top_level", "a stray file", appended("notes.txt", "x\n")),
    ("weights", "heavy weights", appended("diffhyper/weights/heavy.safetensors", "x" * (MAX_WEIGHT_BYTES + 1))),
    ("weights", "pickled weights", appended("diffhyper/weights/w.pkl", "x")),
    ("places", "a home folder", appended("data/planted.md", "see " + "/ho" + "me/someone/pictures\n")),
    ("places", "a package index", appended("data/planted.md", "https://" + "py" + "pi.org/simple\n")),
]


def planted(clean, n):
    "(names of the checks that fail in a copy of `clean` with plant number n, why it could not be planted or '')."
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(shutil.copytree(clean, Path(tmp) / "planted"))
        try:
            PLANTS[n][2](copy)
        except Exception as e:
            return set(), f"could not be planted: {type(e).__name__}: {e}"
        return {name for name, (messages, _) in run(copy).items() if messages}, ""


def self_test(root):
    "Prints a line per planted violation; returns how many went unseen or were seen by the wrong check."
    bad = len(missed := sorted({c.__name__[len("check_") :] for c in CHECKS} - {name for name, _, _ in PLANTS}))
    for name in missed:
        print(f"FAIL {name}: nothing is planted for it")
    if outcome(lambda repo: (yield from ()), None)[0] != ["looked at nothing"]:
        bad += 1
        print("FAIL a check that looks at nothing passes")
    with tempfile.TemporaryDirectory() as tmp:
        clean = Path(tmp) / "clean"
        for path in Repo(root).files:
            (clean / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(root) / path, clean / path)
        subprocess.run(["git", "init", "-q"], cwd=clean, check=True)
        before = {name for name, (messages, _) in run(clean).items() if messages}
        with multiprocessing.get_context("fork").Pool(min(os.cpu_count(), len(PLANTS))) as pool:
            for (name, what, _), (failed, error) in zip(
                PLANTS, pool.imap(functools.partial(planted, clean), range(len(PLANTS)))
            ):
                ok = not error and failed - before == {name}
                seen = error or f"seen by {', '.join(sorted(failed - before)) or 'nothing'}" + (
                    f"; {name} failed already" if name in before else ""
                )
                print(f"{'ok  ' if ok else 'FAIL'} {name}: {what}{'' if ok else ', ' + seen}", flush=True)
                bad += not ok
    return bad


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    bad = (self_test if "--self-test" in sys.argv[1:] else report)(here)
    print(f"{bad} failed" if bad else "all passed")
    sys.exit(bool(bad))

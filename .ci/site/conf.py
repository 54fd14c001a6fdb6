"Settings of Sphinx for .ci/pages.py; autodoc's tables come from the comments beside parameters (docments)."

import importlib
import inspect
import pkgutil
import re
import sys
from collections import Counter
from dataclasses import is_dataclass
from pathlib import Path

from docutils import nodes
from fastcore.docments import docments
from sphinx.addnodes import pending_xref

import diffhyper

sys.path.insert(0, str(Path(__file__).parent))

project, author, language = "diffhyper", "diffhyper authors", "en"
project_copyright = "2026, diffhyper authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "equations"]
root_doc = "nbs/index"
exclude_patterns = ["data/format/*", "data/weights/*", "_site"]
smartquotes = False
default_role = "literal"

nb_execution_mode = "off"
nb_merge_streams = True
nb_output_stderr = "remove"
nb_ipywidgets_js = {}  # by default from other people's servers
nb_mime_priority_overrides = [("html", "text/markdown", 5)]
nb_render_markdown_format = "myst"  # tables
nb_code_prompt_show, nb_code_prompt_hide = "Source", "Source"
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

autodoc_typehints = "none"  # they stand in the table
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
add_module_names = False
python_maximum_signature_line_length = 110
modindex_common_prefix = ["diffhyper."]

html_math_renderer = "drawing"
html_theme = "furo"
html_title = "diffhyper"
html_static_path = ["site.css", "site.js"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_copy_source = html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8de", "color-brand-content": "#7fb8de"},
}

MODULES = [m.name for m in pkgutil.walk_packages(diffhyper.__path__, "diffhyper.") if not m.name.endswith("_modidx")]
NAMES = [(n, f"{m}.{n}") for m in MODULES for n in getattr(importlib.import_module(m), "__all__", ())]
TWICE = {n for n, count in Counter(n for n, _ in NAMES).items() if count > 1}
PLACES = {n: place for n, place in NAMES if n not in TWICE and len(n) > 3}


def plain(text):
    "Text as reStructuredText that shows it unchanged, but for what stands between backticks."
    parts = re.split(r"(`[^`\n]+`)", str(text))
    parts[::2] = [re.sub(r"([\\*_|`])", r"\\\1", part) for part in parts[::2]]
    return "".join(re.sub(r"(?<=\w)(`.*`)|(`.*`)(?=\w)", r"\\ \1\2", part) for part in parts)


def parameters(thing):
    "Name -> docment of the parameters of a function, of the `__init__` of a class, or of the fields of a dataclass."
    if not isinstance(thing, type) or ("__init__" in vars(thing) and not is_dataclass(thing)):
        return docments(inspect.unwrap(thing), full=True)
    fields = {}
    for base in thing.__mro__[::-1]:
        if "__annotations__" in vars(base) and base.__module__.startswith("diffhyper"):
            fields |= {p: d for p, d in docments(base, full=True).items() if p in base.__annotations__}
    return fields


def docstring(app, what, name, thing, options, lines):
    "Paragraphs as they are written, drawings in their lines, then a table of the parameters."
    said = []
    for part in "\n".join(lines).strip("\n").split("\n\n"):
        drawing = any(line.startswith("   ") for line in part.splitlines())
        said += (
            ["::", "", *("   " + line for line in part.splitlines()), ""] if drawing else [*plain(part).split("\n"), ""]
        )
    rows = []
    if what in ("function", "method", "class"):
        for key, d in parameters(thing).items():
            kind = "" if d.anno in (None, inspect.Parameter.empty) else inspect.formatannotation(d.anno)
            default = "" if d.default is inspect.Parameter.empty else repr(d.default)
            if key not in ("self", "cls") and (key != "return" or d.docment):
                cells = ["*returns*" if key == "return" else f"``{key}``", kind and f"``{kind}``"]
                rows.append([*cells, f"``{default}``" if 0 < len(default) < 60 else "", plain(d.docment or "")])
    if rows:
        said += [".. list-table::", "   :class: docments", "   :header-rows: 1", ""]
        keep = [n for n in range(4) if n == 0 or any(row[n] for row in rows)]
        for row in [["", "Type", "Default", "Meaning"], *rows]:
            said += [f"   {' ' if n else '*'} - {row[n]}" for n in keep]
    lines[:] = [*said, ""]


def signature(app, what, name, thing, options, signature, back):
    "Fields of a dataclass stand in its table."
    return ("()" if is_dataclass(thing) and what == "class" else signature), None


def forward_too(app, what, name, thing, skip, options):
    "A `forward` whose comments say it all needs no docstring to be shown."
    return False if name == "forward" else None


def link_names(app, doctree):
    "Code that is a public name leads to its entry."
    for node in list(doctree.findall(nodes.literal)):
        place = PLACES.get(re.sub(r"^(diffhyper\.)?|\(.*\)$", "", node.astext()))
        if place and not isinstance(node.parent, nodes.title | nodes.reference | pending_xref):
            options = dict(refdomain="py", reftype="obj", reftarget=place, refdoc=app.env.docname, refexplicit=True)
            node.replace_self(pending_xref("", node.deepcopy(), **options))


def in_its_language(app, page, template, context, doctree):
    "README.ko is Korean: browsers choose the font and the line breaks by the language of the page."
    if page.endswith(".ko"):
        context["language"] = "ko"


def setup(app):
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", forward_too)
    app.connect("doctree-read", link_names)
    app.connect("html-page-context", in_its_language)

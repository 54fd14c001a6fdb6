"What a module says of its public names, read from its source: docstrings, parameters, and the comment beside each (nbdev's docments)."

import ast
import functools
import inspect
import io
import tokenize
from dataclasses import dataclass, field


@dataclass
class Parameter:
    name: str  # `*` and `**` included; 'return' for what comes back
    annotation: str = ""  # as written
    default: str = ""  # as written
    comment: str = ""  # what ends its line
    given: bool = True  # by the caller; not so what a dataclass computes itself


@dataclass
class Name:
    name: str  # as imported; of a method without its class
    kind: str  # function, class, method, property, data
    owner: str = ""  # class of a method
    bases: tuple = ()  # of a class
    doc: str = ""  # docstring; of data the comment beside it
    value: str = ""  # of data
    decorators: tuple = ()  # as written
    parameters: list = field(default_factory=list)  # Parameter: of a class those of __init__, or its fields
    methods: list = field(default_factory=list)  # Name: public methods in the body of a class


def comments(source):
    "Line -> the comment that ends it."
    return {
        t.start[0]: t.string.lstrip("#").strip()
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokenize.COMMENT
    }


def parameters(node, beside, method=False):
    "Those of a function, and what it returns; the first one of a method is left out."
    a = node.args
    plain = [("", x) for x in [*a.posonlyargs, *a.args]]
    defaults = dict(zip([x.arg for _, x in plain][::-1], a.defaults[::-1])) | {
        x.arg: d for x, d in zip(a.kwonlyargs, a.kw_defaults) if d
    }
    every = (
        plain + [("*", a.vararg)] * bool(a.vararg) + [("", x) for x in a.kwonlyargs] + [("**", a.kwarg)] * bool(a.kwarg)
    )
    lines = [
        (stars, x, x.lineno, max(n.end_lineno for n in (x, defaults.get(x.arg, x)))) for stars, x in every[method:]
    ]
    end = node.returns.end_lineno if node.returns else node.body[0].lineno - 1  # of the head
    if not node.returns and end > node.lineno and any(l == end for _, _, _, l in lines):
        end += 1  # `): "docstring"`

    def beside_only(first, last):  # a comment belongs to a parameter that has its line to itself
        return (
            ""
            if last >= end or sum(f <= last and l >= first for _, _, f, l in lines) > 1
            else beside.get(last) or beside.get(first) or ""
        )

    found = [
        Parameter(
            stars + x.arg,
            ast.unparse(x.annotation) if x.annotation else "",
            ast.unparse(defaults[x.arg]) if x.arg in defaults else "",
            beside_only(f, l),
        )
        for stars, x, f, l in lines
    ]
    back = beside.get(end, "") if end < node.body[0].lineno else ""
    return found + [Parameter("return", ast.unparse(node.returns) if node.returns else "", "", back)] * bool(
        node.returns or back
    )


def function(node, beside, owner=""):
    "A function, a method of `owner`, or one that `@patch` gives to the class its `self` names."
    marks = tuple(ast.unparse(d) for d in node.decorator_list)
    first = node.args.args[0].annotation if node.args.args else None
    if any(m.split("(")[0] == "patch" for m in marks) and first:
        owner = ast.unparse(first).replace("type[", "").rstrip("]").strip("'")
    method = bool(owner) and "staticmethod" not in marks
    kind = (
        "property"
        if {"property", "cached_property", "functools.cached_property"} & set(marks) or "patch(as_prop=True)" in marks
        else "method"
        if owner
        else "function"
    )
    return Name(node.name, kind, owner, (), ast.get_docstring(node) or "", "", marks, parameters(node, beside, method))


def field_(node, beside):
    "An annotated field of a class; what `dataclasses.field` says of it is not its default."
    words = (
        {k.arg: ast.unparse(k.value) for k in node.value.keywords}
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in ("field", "dataclasses.field")
        else None
    )
    default = (
        (f"{words['default_factory']}()" if "default_factory" in words else words.get("default", ""))
        if words is not None
        else ast.unparse(node.value)
        if node.value
        else ""
    )
    return Parameter(
        node.target.id,
        ast.unparse(node.annotation),
        default,
        beside.get(node.end_lineno, ""),
        (words or {}).get("init") != "False",
    )


def class_(node, beside):
    "A class: parameters of its `__init__`, or else its annotated fields, and its public methods."
    methods = [function(s, beside, node.name) for s in node.body if isinstance(s, ast.FunctionDef)]
    init = next((m for m in methods if m.name == "__init__"), None)
    fields = [
        field_(s, beside)
        for s in node.body
        if isinstance(s, ast.AnnAssign)
        and isinstance(s.target, ast.Name)
        and not s.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(s.annotation)
    ]
    return Name(
        node.name,
        "class",
        "",
        tuple(map(ast.unparse, node.bases)),
        ast.get_docstring(node) or "",
        "",
        tuple(ast.unparse(d) for d in node.decorator_list),
        [p for p in init.parameters if p.name != "return"] if init else fields,
        [m for m in methods if not m.name.startswith("_")],
    )


def data(node, beside):
    "Constants that an assignment at the top level binds."
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [
        t.id
        for target in targets
        for t in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(t, ast.Name)
    ]
    value = ast.unparse(node.value) if node.value and len(names) == 1 else ""
    return [Name(n, "data", value=value, doc=beside.get(node.lineno, "")) for n in names]


@functools.cache
def public_names(source):
    "Every public Name of a piece of code, in its order: functions, patched methods, classes, constants."
    found, beside = [], comments(source)
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(function(node, beside))
        elif isinstance(node, ast.ClassDef):
            found.append(class_(node, beside))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            found += data(node, beside)
    return tuple(n for n in found if not n.name.startswith("_"))


def signature(name):
    "The parameters of a Name without their types: `(a, b=1)`; nothing for data and properties."
    if name.kind in ("data", "property"):
        return ""
    return (
        "("
        + ", ".join(
            p.name + (f"={p.default}" if p.default else "") for p in name.parameters if p.name != "return" and p.given
        )
        + ")"
    )


def doc_parts(doc):
    "Paragraphs of a docstring as (is a drawing, text): what is indented keeps its lines."
    for part in inspect.cleandoc(doc).split("\n\n"):
        if part.strip():
            yield any(line.startswith("   ") for line in part.splitlines()), part.rstrip()

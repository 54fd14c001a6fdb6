"README.md from nbs/index.ipynb: `readme.py` compares, `--write` writes, `--command main` prints one of the README's commands (and needs no more than Python)."

import posixpath
import re
import sys
from pathlib import Path

HIDDEN = {
    "hide",
    "export",
    "exporti",
    "default_exp",
    "include:",
    "echo:",
}  # `include: false`, `echo: false`: nothing left to show
MARK = re.compile(r"<!--\s*command:\s*(\w+)\s*-->\s*\n```\w*\n(.*?)\n```", re.DOTALL)
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
LINK = re.compile(r'(\]\(|\b(?:src|href)=")(?!\w+:|[#/])([^)"\s]+)')


def directives(source):
    "First words of the `#|` lines of a cell."
    return {
        words[0] for line in source.splitlines() if (m := re.match(r"\s*#\s*\|(.*)", line)) and (words := m[1].split())
    }


def from_root(text, folder="nbs"):
    "`text`, its relative links rewritten from `folder` to the root of the repository."
    prose = CODE.split(text)  # every second piece is code, where `](` is no link
    prose[::2] = [LINK.sub(lambda m: m[1] + posixpath.normpath(posixpath.join(folder, m[2])), p) for p in prose[::2]]
    return "".join(prose)


def generate(root):
    "The text of README.md, as nbconvert renders the index notebook without outputs and hidden cells."
    import nbformat
    from nbconvert import MarkdownExporter

    nb = nbformat.read(Path(root) / "nbs" / "index.ipynb", as_version=4)
    nb.cells = [
        c
        for c in nb.cells
        if c.cell_type == "markdown" or c.cell_type == "code" and not directives(c.source) & HIDDEN and c.source.strip()
    ]
    for c in nb.cells:
        if c.cell_type == "markdown":
            c.source = from_root(c.source)
        else:
            c.update(outputs=[], execution_count=None, source=re.sub(r"^\s*#\s*\|.*\n?", "", c.source, flags=re.M))
    nb.metadata["language_info"] = {"name": "python"}  # so that code blocks are highlighted
    text = MarkdownExporter().from_notebook_node(nb)[0]
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"<!-- written by .ci/readme.py from nbs/index.ipynb: edit that -->\n\n{body}\n"


def commands(text):
    "Name -> shell text of the fenced blocks that follow a `<!-- command: name -->`."
    return dict(MARK.findall(text))


def broken_links(root, text):
    "Relative link targets of `text` that do not exist under `root`."
    return [
        m[2] for p in CODE.split(text)[::2] for m in LINK.finditer(p) if not (Path(root) / m[2].split("#")[0]).exists()
    ]


TRANSLATION = "nbs/README.ko.md"


def skeleton(text, but=()):
    "What a translation shares with its original: kind of part -> the parts, in their order, without the links `but`."
    prose = "".join(piece for piece in CODE.split(text)[::2])
    return {
        "code blocks": re.findall(r"^```.*?^```", text, re.DOTALL | re.M),
        "headings": re.findall(r"^#+(?= )", prose, re.M),
        "links": [m[2] for m in LINK.finditer(prose) if m[2] not in ("README.md", TRANSLATION, *but)],
        "rows of tables": [line.count("|") for line in text.splitlines() if line.startswith("|")],
    }


def translation_gaps(text, translated, but=()):
    "How a translation, its links already from the root, falls behind the original, the links `but` aside."
    for (kind, here), there in zip(skeleton(text, but).items(), skeleton(translated, but).values()):
        if lost := next((part for part in here if part not in there), None):
            yield f"{kind}: {lost.splitlines()[0]!r} is missing"
        elif here != there:
            yield f"{kind}: {len(there)} instead of {len(here)}, or in another order"


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    target, args = root / "README.md", sys.argv[1:]
    if args[:1] == ["--command"]:
        print(commands(target.read_text(encoding="utf-8"))[args[1]])
    elif args == ["--write"]:
        target.write_text(generate(root), encoding="utf-8")
    elif target.read_text(encoding="utf-8") != generate(root):
        sys.exit("README.md differs from nbs/index.ipynb: run  python .ci/readme.py --write")

"README.md from nbs/index.ipynb: `readme.py` writes it, `--command main` prints a command (and needs Python only)."

import posixpath
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
LINK = re.compile(r'(\]\(|\b(?:src|href)=")(?!\w+:|[#/])([^)"\s]+)')


def from_root(text):
    "Text of the folder nbs, its relative links as seen from the root of the repository."
    parts = CODE.split(text)  # every second part is code, where `](` is no link
    parts[::2] = [LINK.sub(lambda m: m[1] + posixpath.normpath("nbs/" + m[2]), part) for part in parts[::2]]
    return "".join(parts)


def generate():
    "The text of README.md: the index notebook as nbconvert renders it."
    import nbformat
    from nbconvert import MarkdownExporter
    from traitlets.config import Config

    notebook = nbformat.read(ROOT / "nbs/index.ipynb", as_version=4)
    notebook.metadata["language_info"] = {"name": "python"}  # so that code is highlighted
    hidden = Config(RegexRemovePreprocessor={"patterns": [r"#\|\s*hide"]})
    text, _ = MarkdownExporter(config=hidden).from_notebook_node(notebook)
    body = re.sub(r"\n{3,}", "\n\n", from_root(text)).strip()
    return f"<!-- written by .ci/readme.py from nbs/index.ipynb: edit that -->\n\n{body}\n"


def command(name):
    "The shell command in the fenced block that follows `<!-- command: name -->`."
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.search(rf"<!-- command: {name} -->\n```\w*\n(.*?)\n```", text, re.DOTALL)[1]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--command"]:
        print(command(sys.argv[2]))
    else:
        (ROOT / "README.md").write_text(generate(), encoding="utf-8")

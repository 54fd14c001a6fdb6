"The order of the notebooks in the documentation: for the site of website.py, and for those who have Quarto and call nbdev_docs."

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

GUIDES = "tour explorer evidence exact format".split()  # in this order; others follow
GROUPS = {"guides": "Guides", "runs": "Runs", "core": "Modules"}
HEAD = "# written by .ci/website.py --quarto, read by nbdev_docs\n"


@dataclass
class Page:
    path: str  # of the notebook in the repository
    name: str  # of the page, without ending
    title: str
    module: str  # that the notebook exports, or ''

    @property
    def group(self):
        return self.name.partition("/")[0] if "/" in self.name else ""


def page_of(path):
    return posixpath.splitext(path.removeprefix("nbs/"))[0]


def pages(repo):
    "The notebooks in the order of the sidebar: index, guides, runs, and modules up the ladder."
    modules = {path: module for module, path in repo.exports()}
    title = lambda path: next(
        m[1] for c in repo.notebooks[path]["cells"] if (m := re.match(r"#\s+(.*)", "".join(c["source"])))
    )
    found = [Page(p, page_of(p), title(p), modules.get(p, "")) for p in repo.notebooks if p.startswith("nbs/")]
    order = lambda p: (
        [*GROUPS].index(p.group) if p.group else -1,
        GUIDES.index(p.name[7:]) if p.name[7:] in GUIDES else len(GUIDES),
        p.name,
    )
    return sorted(found, key=order)


def quarto_files(repo):
    "Path -> text of what nbdev_docs reads: settings of Quarto, those that nbdev derives from settings.ini, and the sidebar."
    import yaml
    from nbdev.quarto import _nbdev_yml

    cfg, found = repo.settings(), pages(repo)
    section = lambda group, caption: dict(
        section=caption,
        contents=[dict(text=p.title, href=p.path.removeprefix("nbs/")) for p in found if p.group == group],
    )
    text = lambda value: HEAD + yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    html = {"theme": dict(light="cosmo", dark="darkly"), "toc": True, "code-fold": "show", "html-math-method": "mathml"}
    quarto = {
        "project": dict(type="website"),
        "format": dict(html=html, commonmark="default"),
        "website": dict(navbar=dict(search=True, background="primary"), sidebar=dict(style="floating")),
        "metadata-files": ["nbdev.yml", "sidebar.yml"],
    }
    derived = _nbdev_yml.format(
        **{k: cfg[k] for k in ("title", "description", "branch", "git_url", "doc_host", "doc_baseurl")},
        doc_path=Path(cfg["doc_path"]).name,
    )  # as nbdev writes it
    return {
        "nbs/_quarto.yml": text(quarto),
        "nbs/nbdev.yml": derived,
        "nbs/sidebar.yml": text(
            dict(website=dict(sidebar=dict(contents=["index.ipynb", *(section(g, c) for g, c in GROUPS.items())])))
        ),
    }


def listed(sidebar):
    "Notebooks that a sidebar of Quarto leads to."
    for item in sidebar:
        if isinstance(item, str):
            yield item
        elif "contents" in item:
            yield from listed(item["contents"])
        else:
            yield item["href"]

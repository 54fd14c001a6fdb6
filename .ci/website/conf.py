"Settings of Sphinx; website.py puts this file beside the pages."

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project, author, copyright, language = "diffhyper", "diffhyper authors", "2026, diffhyper authors", "en"
extensions = ["myst_nb", "equations"]
exclude_patterns = ["data/format/*", "runs/*.yaml"]
smartquotes = False

nb_execution_mode = "off"  # website.py ran them
nb_merge_streams = True
nb_output_stderr = "remove"
nb_ipywidgets_js = {}  # by default from other people's servers
nb_mime_priority_overrides = [("html", "text/markdown", 5)]
nb_render_markdown_format = "myst"  # tables
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 110
modindex_common_prefix = ["diffhyper."]


def in_its_language(app, page, template, context, doctree):
    "README.ko is Korean: browsers choose the font and the line breaks by the language of the page."
    if "." in page:
        context["language"] = page.rpartition(".")[2]


def setup(app):
    app.connect("html-page-context", in_its_language)


html_math_renderer = "drawing"

html_theme = "furo"
html_title = "diffhyper"
html_static_path = ["_static"]
html_css_files, html_js_files = ["site.css"], ["site.js"]
html_copy_source = html_show_sphinx = False
html_use_index = True
pygments_style, pygments_dark_style = "friendly", "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8de", "color-brand-content": "#7fb8de"},
}

"Equations as drawings: glyphs become paths; a reader needs neither a script nor a font. An extension of Sphinx."

import html
import re
from functools import lru_cache

# what ziamath does not know, in its words
WORDS = [(r"\\bmod\b", r"\\;\\mathrm{mod}\\;"), (r"\\operatorname\{(\w+)\}", r"\\mathrm{\1}")]
EM = 15  # of the 16 units of the font: STIX is smaller than the letters around it
TEXT = re.compile(r"\\(?:text|mathrm|mathtt)\{(?:[^{}\\]|\\.)*\}")


@lru_cache(None)
def drawing(tex, inline):
    "SVG of an equation, sized in em; raises ValueError for a command that would be printed instead of drawn."
    import latex2mathml.converter
    import ziamath

    ziamath.config.svg2 = False
    source = TEXT.sub(lambda m: m[0].replace(r"\_", "_"), tex)
    for pattern, word in WORDS:
        source = re.sub(pattern, word, source)
    if unknown := re.search(r"\\[A-Za-z]*", html.unescape(latex2mathml.converter.convert(source))):
        raise ValueError(f"{unknown[0]} in the equation {tex!r} cannot be drawn")
    equation = ziamath.Latex(source, size=16, color="currentColor", inline=inline)
    svg, drop = equation.svg(), equation.getyofst() / EM
    for side in ("width", "height"):
        svg = re.sub(
            rf'^(<svg[^>]*?\b{side}=")([\d.]+)(?:px)?"', lambda m: f'{m[1]}{float(m[2]) / EM:.4f}em"', svg, count=1
        )
    return svg.replace(
        "<svg", f'<svg role="img" aria-label="{html.escape(tex)}" style="vertical-align: {drop:.4f}em"', 1
    )


def visit_inline(self, node):
    from docutils.nodes import SkipNode

    self.body.append(f'<span class="equation">{drawing(node.astext(), True)}</span>')
    raise SkipNode


def visit_block(self, node):
    from docutils.nodes import SkipNode

    self.body.append(self.starttag(node, "div", CLASS="equation display") + drawing(node.astext(), False) + "</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("drawing", (visit_inline, None), (visit_block, None))
    return dict(parallel_read_safe=True, parallel_write_safe=True)

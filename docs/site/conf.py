"""Sphinx configuration of the site; `make docs` copies it beside the staged pages."""

import os
from importlib.metadata import version as installed
from pathlib import Path

from latex2mathml.converter import convert
from pygments.lexers.python import PythonLexer

os.environ.setdefault("MPLBACKEND", "agg")

project = "truepremia"
author = copyright = "The truepremia founders"  # noqa: A001
version = release = installed("truepremia")
ROOT = Path(os.environ["TRUEPREMIA_ROOT"])

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
smartquotes = False  # quotes of keys and commands are meant
suppress_warnings = ["myst.header", "config.cache"]

html_theme = "pydata_sphinx_theme"
html_title = "truepremia"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_search_summary = False  # browsers let no page of a disk read another
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_math_renderer = "mathml"
sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "gallery",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 1e9,
    "within_subsection_order": "FileNameSortKey",
    "show_signature": False,
    "write_computation_times": False,
}


def setup(app):
    """Let browsers set equations themselves, from MathML: no script and no font is fetched."""

    def equation(display):
        def visit(self, node):
            from docutils import nodes

            equation = convert(node.astext(), display=display)
            wide = display == "block"
            self.body.append(f'<div class="equation">{equation}</div>' if wide else equation)
            raise nodes.SkipNode

        return visit, None

    app.add_html_math_renderer("mathml", equation("inline"), equation("block"))
    app.add_lexer("snakemake", PythonLexer)

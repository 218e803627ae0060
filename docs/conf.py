"""How Sphinx makes the site; `python docs/build.py` lays out its pages and runs it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))

from glassgrad import __version__  # noqa: E402

project = "glassgrad"
version = release = __version__
copyright = "the authors of glassgrad, MIT licence"
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "live",
    "reference",
]
exclude_patterns = ["_extensions", "**.ipynb_checkpoints"]

nb_execution_mode = "off"  # notebooks show the outputs that `.ci/notebooks.py` holds to be fresh
nb_mime_priority_overrides = [
    ("html", "text/html", 0),
    ("html", "image/svg+xml", 1),
    ("html", "image/png", 2),
    ("html", "text/plain", 3),
]
myst_enable_extensions = ["colon_fence", "deflist", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3

napoleon_use_ivar = True
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "glassgrad"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

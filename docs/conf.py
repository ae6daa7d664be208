"""How the documentation is built: `make docs` writes it into .build/site, without the network."""

from __future__ import annotations

from importlib import metadata

project = "vat-bayes"
author = "The vat-bayes developers"
copyright = author
release = metadata.version("vat-bayes")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["README.md", "requirements.*", "_built"]
html_theme = "furo"
html_title = f"vat-bayes {release}"
html_copy_source = False
html_extra_path = ["summary.schema.json"]

# Every page with code is run from start to end; an error in it is an error of the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 900  # seconds a cell may take on a busy machine
nb_merge_streams = True
nb_output_stderr = "remove"

myst_heading_anchors = 3
myst_enable_extensions = ["deflist", "colon_fence"]

default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

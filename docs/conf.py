"""Settings of the documentation; `make docs` builds it."""

import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for a newer version

# Before torch is imported: threads that wait for a core of a busy machine sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from generated_pages import write_api, write_results  # noqa: E402

import gen_augment  # noqa: E402

project = "gen_augment"
author = "The gen_augment developers"
copyright = author  # noqa: A001
version = release = gen_augment.__version__

write_api(HERE / "api" / "index.rst")
write_results(ROOT / "benchmarks" / "results", HERE / "benchmarks" / "results")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/backreferences"]
templates_path = ["_templates"]

# Pages are Markdown. Their code runs in tests/test_docs.py, not while the pages are built.
nb_execution_mode = "off"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache", "toc.empty_glob"]

default_role = "py:obj"  # `name` in a docstring is a link where it can be one
autosummary_generate = True
toc_object_entries_show_parents = "hide"  # names fit beside the page
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "gen_augment"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_search_scorer = str(HERE / "search_scorer.js")
# Pages without a section of their own have no list of sections on the left.
ALONE = "install quickstart does-it-help how-it-works glossary changelog contributing"
html_sidebars: dict[str, list[str]] = {page: [] for page in ALONE.split()}
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 5,
    "secondary_sidebar_items": ["page-toc"],
}

#: Folders of examples in the order of the gallery.
SECTIONS = ("pipelines", "data", "evidence", "models")
# Every page of the gallery runs; `make docs-quick` shows the pages without running them.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "subsection_order": [f"../examples/{name}" for name in SECTIONS],
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("gen_augment",),
    "reference_url": {"gen_augment": None},
    "remove_config_comments": True,
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 10**6,
}


def skip_inherited(
    app: Any, what: str, name: str, found: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out members that another library defines."""
    function = inspect.unwrap(getattr(found, "fget", None) or getattr(found, "__func__", found))
    module = getattr(function, "__module__", None) or ""
    return True if callable(function) and not module.startswith("gen_augment") else None


def escape(app: Any, what: str, name: str, found: Any, options: Any, lines: list[str]) -> None:
    """Escape ``*shape`` and ``classes_``, which docutils reads as emphasis and a link."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...", "..", ":")):
            parts = line.split("`")
            parts[::2] = [re.sub(r"(?<![*\w])\*(?=\w)", r"\\*", part) for part in parts[::2]]
            parts[::2] = [
                re.sub(r"(?<![\w\\:])(\w+)_(?=[\s,.;)]|$)", r"\1\_", part) for part in parts[::2]
            ]
            lines[number] = "`".join(parts)


def setup(app: Any) -> None:
    """Connect the hooks; `escape` runs before numpydoc, which writes emphasis of its own."""
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("autodoc-process-docstring", escape, priority=100)

"""The settings of Sphinx for `make site`: README.md and docs/ as pages, with a menu.

What stands in the menu, and in which order, is what README.md has under "Documentation".  No page
loads anything from elsewhere: the theme is part of the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copyfile

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]

project = "copdns"
author = "The people who make copdns"
copyright = "2026, the people who make copdns"  # noqa: A001  # Sphinx's name for it
_version = re.search(
    r'^__version__ = "([^"]+)"', (ROOT / "copdns" / "__init__.py").read_text(), re.MULTILINE
)
assert _version
version = release = _version[1]

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md"]
html_theme = "furo"
html_title = "copdns"
html_favicon = "../../web-ui/static/icon.svg"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 6  # as the usual viewers of Markdown make them
# What is in no menu is reached by links: tests/test_docs.py.
suppress_warnings = ["toc.not_included"]


def _menu(readme: str) -> str:
    """Return what README.md lists, as the tables of contents that make the menu."""
    listed = readme.partition("\n## Documentation\n")[2].partition("\n## ")[0]
    lines = []
    for part in listed.split("\n\n"):
        caption = re.match(r"\*\*(.+?):\*\*", part.strip())
        if caption is None:
            continue
        pages = re.findall(r"\[([^]]+)\]\(([\w/-]+\.md)\)", part)
        entries = "\n".join(f"{text[0].upper()}{text[1:]} <{path[:-3]}>" for text, path in pages)
        lines.append(f"```{{toctree}}\n:hidden:\n:caption: {caption[1]}\n\n{entries}\n```\n")
    return "\n".join(lines)


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the menu, and let folders of the sources, which are no part of the site, be words."""

    def without_folder(link: re.Match[str]) -> str:
        text, target = link.groups()
        of = (Path(app.srcdir) / page).parent
        return f"{text} (`{target}`)" if (of / target).is_dir() else link[0]

    source[0] = re.sub(r"\[([^]]+)\]\(([\w./-]+)\)", without_folder, source[0])
    if page == root_doc:
        source[0] += f"\n\n{_menu(source[0])}"


def _begin(app: Sphinx, error: Exception | None) -> None:
    """Make README.md the page that is shown first."""
    if error is None:
        copyfile(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("source-read", _read)
    app.connect("build-finished", _begin)

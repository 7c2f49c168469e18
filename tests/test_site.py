"""The documentation as a site: its links lead somewhere, and its pages load nothing from elsewhere.

SITE names the folder with sphinx-build; without it, that of `make site`.
"""

from __future__ import annotations

import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.conftest import missing

ROOT = Path(__file__).parents[1]
SPHINX = re.search(r"^SPHINX = (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

pytestmark = [pytest.mark.once, pytest.mark.tools]


def build(sources: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Make the site as `make site` does."""
    program = Path(os.environ.get("SITE", ROOT / ".venv-site" / "bin")) / "sphinx-build"
    if not program.exists():
        missing("needs Sphinx: make .venv-site/.installed")
    assert SPHINX is not None
    options = SPHINX[1].replace("build/site.parts", str(folder / "parts")).split()
    return subprocess.run(
        [program, *options, sources, folder / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


class Loads(HTMLParser):
    """What a browser loads with a page: addresses of images, scripts, style sheets and frames."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") not in {"stylesheet", "icon", "preload"}:
            return
        names = ("href",) if tag == "link" else ("src", "srcset", "data", "poster")
        self.found += [value for name in names if (value := given.get(name))]


def test_the_site_has_no_link_to_nowhere_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    pages = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    docs = {f"docs/{path.stem}.html" for path in ROOT.glob("docs/*.md")}
    assert docs | {"index.html", "README.html"} <= pages
    for page in sorted(pages):
        loads = Loads()
        loads.feed((site / page).read_text())
        assert not [each for each in loads.found if "//" in each], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet


@pytest.mark.parametrize("link", ["docs/nothing.md", "docs/time.md#nothing"])
def test_a_link_to_nowhere_is_an_error(tmp_path: Path, link: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "time.md").write_text("# Time\n")
    (tmp_path / "README.md").write_text(
        f"# House\n\n[Here]({link})\n\n## Documentation\n\n**Families:** [time](docs/time.md)\n"
    )
    done = build(tmp_path, tmp_path)
    assert done.returncode != 0
    assert "[myst.xref_missing]" in done.stderr

"""Make pages of templates, and give the few files that they need.

Templates and files ship with copdns (`web-ui/`); they are read once, at the start.
"""

from __future__ import annotations

import gettext
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from copdns.resources import folder
from copdns.told import DOOR

_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_A_YEAR = "public, max-age=31536000, immutable"  # a file that changed has another address


class _File(NamedTuple):
    octets: bytes
    kind: str
    version: str


class Pages:
    """Templates and files."""

    def __init__(self, ui: Path | None = None) -> None:
        """ui: the folder with both; without it the one that ships."""
        ui = ui or folder("web-ui")
        self._files = {path.name: _file(path) for path in sorted((ui / "static").iterdir())}
        self._templates = Environment(
            loader=FileSystemLoader(ui / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        translations = gettext.NullTranslations()
        self._templates.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
        self._templates.globals["door"] = DOOR
        self._templates.globals["static"] = self._address
        self._templates.globals["icon"] = self._templates.get_template("icons.html").module.icon  # type: ignore[attr-defined]

    def render(
        self, request: web.Request, template: str, *, status: int = 200, **values: Any
    ) -> web.Response:
        """Return a page in the language of whoever asks."""
        values = {"lang": "en", "dir": "ltr", "path": request.path, "status": status, **values}
        text = self._templates.get_template(template).render(values)
        return web.Response(status=status, text=text, content_type="text/html")

    async def static(self, request: web.Request) -> web.Response:
        """A style sheet, script or picture."""
        found = self._files.get(request.match_info["file"])
        if found is None:
            raise web.HTTPNotFound
        kept = _A_YEAR if request.query_string == found.version else "no-cache"
        return web.Response(
            body=found.octets, content_type=found.kind, headers={"Cache-Control": kept}
        )

    def _address(self, name: str) -> str:
        return f"/static/{name}?{self._files[name].version}"


def _file(path: Path) -> _File:
    octets = path.read_bytes()
    return _File(octets, _KINDS[path.suffix], sha256(octets).hexdigest()[:12])

"""Make pages of templates, and give the few files that they need.

Templates and files ship with copdns (`web-ui/`); they are read once, at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from copdns.accounts.roles import Actor
from copdns.list_files.resources import folder
from copdns.model.hosts import child_page_url
from copdns.model.names import display
from copdns.web.languages import spoken
from copdns.web.received import fields_of
from copdns.web.template_words import speak
from copdns.words.phrases import DESK_LANGUAGES, LANGUAGES, SOURCE, negotiate

_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
LANGUAGE = "copdns_language"  # the cookie
HOUSE_LANGUAGE: web.AppKey[Callable[[], str]] = web.AppKey("language of the house")
_A_YEAR_LONG = 365 * 86_400  # seconds


class Desk(NamedTuple):
    """What every page of the desk tells.  unseen: notices that its reader has not seen yet."""

    open_checks: tuple[str, ...] = ()
    unseen: int = 0


DESK = web.RequestKey("desk", Desk)
ACTOR = web.RequestKey("who acts, by a session or a token", Actor)
ELSEWHERE = web.RequestKey("elsewhere", bool)  # asked for by a name that is not ours
SHOWN = web.RequestKey("path of the page that is shown", str)  # where it is not the request's


class File(NamedTuple):
    octets: bytes
    kind: str
    version: str


class Pages:
    """Templates and files."""

    def __init__(self, ui: Path | None = None, door: str = child_page_url(80)) -> None:
        """ui: the folder with both; without it the one that ships.  door: the children's page."""
        ui = ui or folder("web-ui")
        self.door = door
        self._files = {path.name: _file(path) for path in sorted((ui / "static").iterdir())}
        self._templates = Environment(
            loader=FileSystemLoader(ui / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        speak(self._templates)
        self._pictures = {
            path.stem: Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - our own drawings
            for path in sorted((ui / "pictures").glob("*.svg"))
        }
        self._templates.globals["picture"] = self._pictures.__getitem__
        self._templates.globals["door"] = door
        self._templates.filters["domain"] = display
        self._templates.globals["static"] = self._address
        self._templates.globals["icon"] = self._templates.get_template("icons.html").module.icon  # type: ignore[attr-defined]

    def render(
        self, request: web.Request, template: str, *, status: int = 200, **values: Any
    ) -> web.Response:
        """Return a page in the language of whoever asks."""
        text = self.fragment(request, template, status=status, **values)
        return web.Response(status=status, text=text, content_type="text/html")

    def fragment(self, request: web.Request, template: str, **values: Any) -> str:
        """Return a part of a page, or a whole one, in the language of whoever asks."""
        phrases = spoken(language_of(request))
        values = {
            "phrases": phrases,
            "lang": phrases.tag,
            "dir": phrases.direction,
            "path": request.get(SHOWN, request.path),
            "standing": request.get(DESK, Desk()),
            "languages": [spoken(each) for each in languages_of(request)],
            **values,
        }
        return self._templates.get_template(template).render(values)

    def file(self, name: str) -> File | None:
        """Return a style sheet, script or picture."""
        return self._files.get(name)

    def _address(self, name: str) -> str:
        return f"/static/{name}?{self._files[name].version}"


def _file(path: Path) -> File:
    octets = path.read_bytes()
    return File(octets, _KINDS[path.suffix], sha256(octets).hexdigest()[:12])


def wants_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def languages_of(request: web.Request) -> Sequence[str]:
    """Return the languages that a page can speak: the desk has fewer than a child's pages."""
    is_desk = request.path.startswith("/guardian") and ELSEWHERE not in request
    return DESK_LANGUAGES if is_desk else LANGUAGES


def language_of(request: web.Request) -> str:
    """Return the language for whoever asks: as chosen on a page, else as the browser says, else
    the household's."""
    chosen, among = request.cookies.get(LANGUAGE, ""), languages_of(request)
    if chosen in among:
        return chosen
    house = request.app[HOUSE_LANGUAGE]() if HOUSE_LANGUAGE in request.app else ""
    return negotiate(request.headers.get("Accept-Language", ""), house or SOURCE, among)


async def choose_language(request: web.Request) -> web.Response:
    """Keep the language that somebody chose, in this browser."""
    fields = await fields_of(request)
    chosen, back = str(fields.get("language", "")), str(fields.get("back", "/"))
    if chosen not in LANGUAGES or not back.startswith("/") or back.startswith(("//", "/\\")):
        raise web.HTTPBadRequest
    found = web.HTTPSeeOther(back)
    found.set_cookie(LANGUAGE, chosen, max_age=_A_YEAR_LONG, samesite="Lax", secure=request.secure)
    raise found

"""Render templates, and serve the few files that pages need.

Both ship with copdns (`web-ui/`) and are read once, at the start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from copdns.accounts.account import AccountCode
from copdns.accounts.roles import Actor
from copdns.household.age_labels import age_labels_of
from copdns.list_files.resources import find_folder
from copdns.model.hosts import child_page_url
from copdns.model.household import Profile
from copdns.model.scripts import may_imitate, shown_name
from copdns.web.browser_input import fields_of
from copdns.web.languages import phrases_in
from copdns.web.many_households.tenant_sign import TenantSign
from copdns.web.signs import person_signs, service_colour
from copdns.web.template_words import install_translations
from copdns.words.phrases import DESK_LANGUAGES, DOT, LANGUAGES, SOURCE, negotiate

# Templates put a space between two sentences, after a colon and before a bracket; Chinese has none.
_NO_SPACE = re.compile(
    r"(?<=[。？！])[ \n]+(?=[^\s<])|(?<=：) +(?=\S)|(?<=：</strong>) +(?=\S)| +(?=(?:<strong>)?（)"
)
_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
LANGUAGE = "copdns_language"  # the cookie
HOUSE_LANGUAGE: web.AppKey[Callable[[], str]] = web.AppKey("language of the house")
# The scope of the app that a page is part of; "" where browsers cannot have one.
APP: web.AppKey[Callable[[web.Request], str]] = web.AppKey("app that a page is part of")
# Tells whether the reader can have a page, or send something to it, by path and method: where one
# copdns has many households, some are nobody's of them (`many_households/family_routes.py`).
Reaches = Callable[..., bool]
REACHES: web.AppKey[Reaches] = web.AppKey("routes that a household has")
# The address of the child's page, where it is another one than `Pages.door`.
DOOR: web.AppKey[Callable[[web.Request], str]] = web.AppKey("address of the child's page")
_YEAR = 365 * 86_400  # seconds


class DeskStatus(NamedTuple):
    """What every page of the dashboard shows.  open_checks: checks that have not passed.  unseen:
    notices that the reader has not seen.  is_damaged: copdns works with the copy of
    `household.db`.  codes: that others made for the reader's account.  zone: of the household.
    done: what was done since the last page, and what can be undone, as HTML.  house: the
    household's name, "" while it is new.  people: those whom the reader may see.
    requests: that wait for an answer; 0 for a reader who may not see them."""

    open_checks: tuple[str, ...] = ()
    unseen: int = 0
    is_damaged: bool = False
    codes: tuple[AccountCode, ...] = ()
    zone: str = "UTC"
    done: Markup = Markup()
    house: str = ""
    people: tuple[Profile, ...] = ()
    requests: int = 0


DESK = web.RequestKey("desk", DeskStatus)
TENANT = web.RequestKey("brand of the household", TenantSign)  # not there at home
ACTOR = web.RequestKey("who acts, by a session or a token", Actor)
FOREIGN_HOST = web.RequestKey("elsewhere", bool)  # the Host header is not one of ours
SHOWN_PATH = web.RequestKey(
    "path of the page that is shown", str
)  # where that is another one than the request's


class File(NamedTuple):
    """A static file.  kind: its media type.  version: begins its digest, for its URL."""

    octets: bytes
    kind: str
    version: str


class Pages:
    """Templates and static files."""

    def __init__(self, ui: Path | None = None, door: str = child_page_url(80)) -> None:
        """ui: the folder of both; None for the one that ships.  door: URL of the child's page."""
        ui = ui or find_folder("web-ui")
        self.door = door
        self._files = {path.name: _read_file(path) for path in sorted((ui / "static").iterdir())}
        self._templates = Environment(
            loader=_Templates(ui / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # else each part of each page is looked up on the disk again
        )
        install_translations(self._templates)
        self._pictures = {
            path.stem: Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - our own drawings
            for path in sorted((ui / "pictures").glob("*.svg"))
        }
        self._templates.globals["picture"] = self._pictures.__getitem__
        self._templates.globals["door"] = door
        self._templates.globals["age_labels_of"] = age_labels_of
        self._templates.filters["domain"] = shown_name
        self._templates.filters["may_imitate"] = may_imitate
        self._templates.globals["static"] = self.static_url
        self._templates.globals["icon"] = read_icons(ui / "icons.svg").__getitem__
        self._templates.globals["person_signs"] = person_signs
        self._templates.globals["service_colour"] = service_colour

    def render(
        self, request: web.Request, template: str, *, status: int = 200, **values: Any
    ) -> web.Response:
        """Return a page in the language of the request."""
        text = self.fragment(request, template, status=status, **values)
        return web.Response(status=status, text=text, content_type="text/html")

    def fragment(self, request: web.Request, template: str, **values: Any) -> str:
        """Return a page or a part of one as HTML, in the language of the request."""
        phrases = phrases_in(language_of(request))
        values = {
            "phrases": phrases,
            "lang": phrases.tag,
            "dir": phrases.direction,
            "path": request.get(SHOWN_PATH, request.path),
            "standing": request.get(DESK, DeskStatus()),
            "tenant": request.get(TENANT),
            "app": request.app[APP](request) if APP in request.app else "",
            "reaches": request.app.get(REACHES, _reaches_all),
            "is_shared": REACHES in request.app,
            "door": self._door_at(request),
            "languages": [phrases_in(each) for each in languages_of(request)],
            **values,
        }
        text = self._templates.get_template(template).render(values)
        return _NO_SPACE.sub("", text) if phrases.tag.startswith("zh") else text

    def _door_at(self, request: web.Request) -> str:
        other = None if FOREIGN_HOST in request else request.app.get(DOOR)
        return self.door if other is None else other(request)

    def file(self, name: str) -> File | None:
        """Return a style sheet, script or picture; None for an unknown name."""
        return self._files.get(name)

    def static_url(self, name: str) -> str:
        """Return the URL of a style sheet, script or picture, which changes with it."""
        return f"/static/{name}?{self._files[name].version}"


class _Templates(FileSystemLoader):
    """The templates, in which no line begins with a dot between two things.

    What people typed, as in a field that is shown again, stays as it is.
    """

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        return source.replace(" · ", DOT), path, is_current


def _reaches_all(_path: str, _method: str = "GET") -> bool:
    return True


def read_icons(path: Path) -> Mapping[str, Markup]:
    """Return the icons of a file by their names, each to stand in the text that it belongs to.

    It takes the colour and the size of that text, and no screen reader tells it: words do.
    """
    return {
        name: Markup(_ICON % ("icon turn" if name in _TURNED else "icon", drawing))  # noqa: S704 - our own drawings
        for name, drawing in _SYMBOL.findall(path.read_text(encoding="utf-8"))
    }


_SYMBOL = re.compile(r'<symbol id="([a-z]+)" viewBox="0 0 24 24">(.*?)</symbol>')
_ICON = '<svg class="%s" viewBox="0 0 24 24" aria-hidden="true">%s</svg>'
_TURNED = frozenset({"back", "go", "undo", "leave", "horn", "log"})  # mirrored from right to left


def squeeze(sheet: str) -> str:
    """Return a style sheet without its comments and most of its white space, since a child's page
    comes over slow networks too."""
    bare = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return re.sub(r";}", "}", re.sub(r"\s*([{};,>])\s*|(:)\s+", r"\1\2", bare)).strip()


def _read_file(path: Path) -> File:
    octets = path.read_bytes()
    if path.suffix == ".css":
        octets = squeeze(octets.decode()).encode()
    return File(octets, _KINDS[path.suffix], sha256(octets).hexdigest()[:12])


def wants_html(request: web.Request) -> bool:
    """Tell whether a browser asks; programs do not name HTML in Accept."""
    return "text/html" in request.headers.get("Accept", "")


def languages_of(request: web.Request) -> Sequence[str]:
    """Return the languages of a page: the dashboard, and the staff's pages, have fewer than the
    child's."""
    is_desk = request.path.startswith(("/guardian", "/staff")) and FOREIGN_HOST not in request
    return DESK_LANGUAGES if is_desk else LANGUAGES


def language_of(request: web.Request) -> str:
    """Return the language for a request: as chosen on a page, else by Accept-Language, else the
    household's.

    Under the name of another site it is chosen by a link, since there it is none of our cookies.
    """
    among = languages_of(request)
    chosen = (
        request.query.get("language", "")
        if FOREIGN_HOST in request
        else request.cookies.get(LANGUAGE, "")
    )
    if chosen in among:
        return chosen
    house = request.app[HOUSE_LANGUAGE]() if HOUSE_LANGUAGE in request.app else ""
    return negotiate(request.headers.get("Accept-Language", ""), house or SOURCE, among)


async def choose_language(request: web.Request) -> web.Response:
    """Set the cookie of the language that somebody chose."""
    fields = await fields_of(request)
    chosen, back = str(fields.get("language", "")), str(fields.get("back", "/"))
    if chosen not in LANGUAGES or not back.startswith("/") or back.startswith(("//", "/\\")):
        raise web.HTTPBadRequest
    redirect = web.HTTPSeeOther(back)
    redirect.set_cookie(LANGUAGE, chosen, max_age=_YEAR, samesite="Lax", secure=request.secure)
    raise redirect

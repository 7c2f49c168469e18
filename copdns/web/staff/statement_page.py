"""The public statement of what is filtered, as a page and as a signed file, for everybody.

The page is made from the value that is signed, so neither says more than the other.  Both are made
once a minute at most, whoever asks how often; where the register cannot be read meanwhile, the last
one is shown with its time.  Nothing of who reads is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import BaseModel

from copdns.model.errors import RegisterError, StoreError
from copdns.model.sentences import sentence
from copdns.provider.law.statement import utc_seconds
from copdns.provider.law.statement_shapes import SignedReport, SignedStatement
from copdns.web.languages import phrases_in
from copdns.web.pages import Pages, language_of
from copdns.web.staff.kept_documents import KeptDocument, KeptDocuments
from copdns.web.staff.public_pace import PublicPace, may_ask
from copdns.web.staff.site import SITE, StaffRefusal, StaffSite
from copdns.web.staff.wording import StaffWording

PATH: Final = "/blocked/statement"
FRESH_FOR: Final = 60  # seconds
TRY_AFTER: Final = 10  # seconds, where there is none to show meanwhile
MOST_SHOWN: Final = 100  # orders, names by hand, entries: the file has all
MOST_NAMES: Final = 50  # of one order
_SCHEMAS: Final[Mapping[str, type[BaseModel]]] = {
    "statement": SignedStatement,
    "report": SignedReport,
}

log = structlog.get_logger("copdns")


@dataclass(slots=True)
class MadeStatement:
    """A statement.  signed: `SignedStatement` as JSON.  ends: when it is to be made anew, in
    seconds since 1970.  pages: what was shown of it, by language."""

    signed: Mapping[str, Any]
    octets: bytes
    ends: float
    kept: tuple[KeptDocument, ...]
    pages: dict[str, str] = field(default_factory=dict)
    is_old: bool = False


class PublicStatements:
    """The newest statement.  make: raises RegisterError and StoreError; blocks."""

    def __init__(
        self,
        make: Callable[[], Mapping[str, Any]],
        kept: KeptDocuments,
        now: Callable[[], float],
    ) -> None:
        self.kept = kept
        self._make, self._now = make, now
        self._newest: MadeStatement | None = None
        self._next_try = 0.0
        self._lock = asyncio.Lock()

    async def newest(self) -> MadeStatement | None:
        """Return it; None where none could be made since the start."""
        if self._newest is not None and self._lock.locked():
            return self._newest  # a database that hangs holds up no reader
        async with self._lock:  # else each of a thousand readers makes one
            ends = self._newest.ends if self._newest else self._next_try
            if self._now() >= ends:
                self._next_try = self._now() + TRY_AFTER
                self._newest = await asyncio.to_thread(self._make_anew)
            return self._newest

    def _make_anew(self) -> MadeStatement | None:
        now = self._now()
        try:
            signed = self._make()
        except (RegisterError, StoreError) as error:
            log.warning("the public statement could not be made", error=str(error))
            return self._last(now)
        ends = min((now + FRESH_FOR, *(at for at in _ends_in(signed["document"]) if at > now)))
        octets = json.dumps(signed, ensure_ascii=False).encode()
        return MadeStatement(signed, octets, ends, self.kept.read())

    def _last(self, now: float) -> MadeStatement | None:
        """Return what was made last, to be tried again after a minute."""
        last = self._newest
        if last is None:
            return None
        return MadeStatement(last.signed, last.octets, now + FRESH_FOR, last.kept, is_old=True)


_STATEMENTS: web.AppKey[PublicStatements] = web.AppKey("public statements", PublicStatements)
_PAGES: web.AppKey[Pages] = web.AppKey("pages of the statement", Pages)
_DOWNLOADS: web.AppKey[PublicPace] = web.AppKey("pace of downloads", PublicPace)


def add_statement(app: web.Application, site: StaffSite, kept: KeptDocuments) -> None:
    """Add the page, and the files that it leads to, to the application of the staff."""

    def make() -> Mapping[str, Any]:
        now = int(site.now())
        (register, head), cases = site.register.load_to_publish(now), site.desk.load()
        return site.publisher(register).statement(register, head, cases, now)

    app[_STATEMENTS] = PublicStatements(make, kept, site.now)
    app[_PAGES], app[_DOWNLOADS] = site.pages, PublicPace()
    app.add_routes(
        [
            web.get(PATH, _page),
            web.get(f"{PATH}/statement.json", _file),
            web.get(f"{PATH}/schemas/{{kind}}.json", _schema),
            web.get(f"{PATH}/kept/{{name}}", _earlier_file),
        ]
    )


async def _page(request: web.Request) -> web.Response:
    found = await request.app[_STATEMENTS].newest()
    site, language = request.app[SITE], language_of(request)
    say = StaffWording(phrases_in(language))
    if found is None:
        hotlines = [{"name": name, "site": url} for name, url in site.hotlines]
        return request.app[_PAGES].render(
            request, "site_statement.html", status=503, made=None, hotlines=hotlines, say=say
        )
    if language not in found.pages:
        found.pages[language] = request.app[_PAGES].fragment(
            request,
            "site_statement.html",
            made=found.signed["document"],
            signature=found.signed["signature"],
            is_old=found.is_old,
            kept=found.kept,
            most_shown=MOST_SHOWN,
            most_names=MOST_NAMES,
            say=say,
        )
    return web.Response(text=found.pages[language], content_type="text/html")


async def _file(request: web.Request) -> web.Response:
    _require_pace(request)
    found = await request.app[_STATEMENTS].newest()
    if found is None:
        raise StaffRefusal(503, sentence("not possible now; try again in a moment"))
    return _json(found.octets)


async def _schema(request: web.Request) -> web.Response:
    shape = _SCHEMAS.get(request.match_info["kind"])
    if shape is None:
        raise web.HTTPNotFound
    _require_pace(request)
    return _json(json.dumps(shape.model_json_schema()).encode())


async def _earlier_file(request: web.Request) -> web.Response:
    """Send a file of before, as it was kept."""
    _require_pace(request)
    name = request.match_info["name"]
    found = await request.app[_STATEMENTS].newest()
    for each in found.kept if found else ():
        if each.name == name:
            octets = await asyncio.to_thread(request.app[_STATEMENTS].kept.octets, each)
            if octets is not None:
                return _json(octets)
    raise web.HTTPNotFound


def _require_pace(request: web.Request) -> None:
    """Refuse who downloads more than ten files a minute: one can have megabytes."""
    if not may_ask(request, request.app[_DOWNLOADS]):
        raise StaffRefusal(429, sentence("too many downloads; try again in a minute"))


def _json(octets: bytes) -> web.Response:
    headers = {"Cache-Control": f"public, max-age={FRESH_FOR}"}
    return web.Response(body=octets, content_type="application/json", headers=headers)


def _ends_in(part: Any) -> Iterator[int]:
    """Yield when what stands in a statement ends, in seconds since 1970."""
    if isinstance(part, Mapping):
        if until := part.get("until"):
            yield utc_seconds(until)
        part = part.values()
    elif not isinstance(part, list | tuple):
        return
    for each in part:
        yield from _ends_in(each)

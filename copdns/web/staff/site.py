"""What the staff's application stands on, who acts in a request, and how a page is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from aiohttp import web

from copdns.lists.index import FoundEntry
from copdns.model.sentences import Sentence, sentence
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.law.register import Register
from copdns.provider.law.register_json import HIDDEN_NAME
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.checklist import Installation
from copdns.provider.staff.duties import StaffMember
from copdns.provider.staff.publisher import Publisher
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.staff_sessions import StaffSessions
from copdns.web.languages import phrases_in
from copdns.web.many_households.shown_secrets import TooManyGuessesError, look_up_secret
from copdns.web.pages import SHOWN_PATH, Pages, language_of
from copdns.web.staff.console import HOME, is_form
from copdns.web.staff.sign_on import FRESH, SignOn
from copdns.web.staff.wording import StaffWording

COOKIE: Final = "copdns_staff"
PUBLIC_PATH: Final = "/blocked"  # of the form for everybody, and of what is below it


@dataclass(frozen=True, slots=True)
class StaffSite:
    """What the application stands on.

    find: what lists have of a name in normal form; blocks.  hotlines: of the provider's country,
    name and URL.  origin: of its URLs, as browsers say it.  now: seconds since 1970.  keys: seal
    logins that are under way.  publisher: of what the register has now.
    installation: returns what the settings say of it, and what is in its archive; blocks.
    list_files: returns what this machine has of lists and facts, by path; blocks, and raises
    RolloutError and FetchError.
    """

    register: RegisterStore
    desk: DeskStore
    find: Callable[[str], Sequence[FoundEntry]]
    hotlines: tuple[tuple[str, str], ...]
    sessions: StaffSessions
    sign_on: SignOn
    special: SpecialNames
    origin: str
    now: Callable[[], float]
    keys: ProviderKeys
    publisher: Callable[[Register], Publisher]
    pages: Pages
    installation: Callable[[], Installation]
    list_files: Callable[[], Mapping[str, bytes]]

    @property
    def is_secure(self) -> bool:
        return self.origin.startswith("https://")

    def cookie_name(self, name: str) -> str:
        """Return what a cookie is called: over HTTPS, so that no other name below the same domain
        plants one (RFC 6265bis section 4.1.3.2)."""
        return f"__Host-{name}" if self.is_secure else name


SITE: web.AppKey[StaffSite] = web.AppKey("site", StaffSite)
CACHE: web.AppKey[dict[int, Register]] = web.AppKey("register as it was read last", dict)


class StaffRefusal(Exception):  # noqa: N818 - it is no fault
    """Nothing was done: why, for people, and with which status."""

    def __init__(self, status: int, told: Sentence) -> None:
        super().__init__(str(told))
        self.status, self.told = status, told


class StaffProofNeeded(StaffRefusal):
    """A proof of the last minutes is needed first."""

    def __init__(self) -> None:
        super().__init__(403, sentence("prove who you are again, at /staff/login?again=1"))


class StaffActor(NamedTuple):
    """Who acts.  is_fresh: they proved who they are within the last minutes."""

    who: StaffMember
    register: Register
    is_fresh: bool


async def actor_of(request: web.Request) -> StaffActor:
    """Return who acts; raise StaffRefusal for nobody, and for who does not work here now."""
    site = request.app[SITE]
    cookie, now = read_cookie(request, COOKIE), int(site.now())
    use = partial(asyncio.to_thread, site.sessions.use, digest_of(cookie), now)
    try:
        session = await look_up_secret(request, cookie, use) if cookie else None
    except TooManyGuessesError:
        raise StaffRefusal(429, sentence("too many tries; try again later")) from None
    register = await register_of(request)
    who = register.staff.get(session.staff) if session else None
    if session is None or who is None or who.is_gone:
        raise StaffRefusal(401, sentence("log in at /staff/login"))
    return StaffActor(who, register, now - session.proven <= FRESH)


async def register_of(request: web.Request) -> Register:
    """Return the register; it is read again only where it has new lines."""
    return await read_register_once(request.app[SITE].register, request.app[CACHE])


async def read_register_once(register: RegisterStore, cache: dict[int, Register]) -> Register:
    """Return the register, from the cache where it has no new lines."""
    size = await asyncio.to_thread(register.size)
    if size not in cache:
        found = await asyncio.to_thread(register.load)
        cache.clear()
        cache[found.size] = found
        return found
    return cache[size]


def require_own_page(request: web.Request) -> None:
    """Refuse what another site lets a browser send."""
    if request.headers.get("Origin") != request.app[SITE].origin:
        raise StaffRefusal(403, sentence("the Origin header is not that of this site"))
    if request.content_type != "application/json" and not is_form(request.content_type):
        raise StaffRefusal(415, sentence("send JSON"))


def read_cookie(request: web.Request, name: str) -> str:
    """Return a cookie of ours; "" for none."""
    return request.cookies.get(request.app[SITE].cookie_name(name), "")


def digest_of(text: str) -> str:
    """Return what is stored of a secret."""
    return sha256(text.encode()).hexdigest()


def render(request: web.Request, template: str, *, status: int, **values: Any) -> web.Response:
    """Return a page in the language that somebody chose, or that their browser prefers."""
    phrases = phrases_in(language_of(request))
    if request.path == "/staff/callback":  # nothing to come back to from a choice of language
        request[SHOWN_PATH] = HOME
    return request.app[SITE].pages.render(
        request,
        f"staff/{template}.html",
        status=status,
        phrases=phrases,
        say=StaffWording(phrases),
        hidden_name=HIDDEN_NAME,
        **{"me": None, "menu": [], **values},
    )

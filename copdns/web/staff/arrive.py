"""Let a subscriber in who comes from the provider's portal, and make the household theirs.

The portal signs a link for who is logged in there.  Where the line has no household yet, there is
one afterwards: without a person, a rule or a filter, which are the family's to choose.  Whoever
comes gets a code to set a password with, as the first guardian at home does.  Holding the contract
makes nobody a guardian later: once somebody is one, a link of the portal opens nothing.

It writes families' tables, so it is a program of its own (`copdns provider welcome`), apart from
that of the staff, whose role of the database has no right to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

from aiohttp import web
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import extract_compact

from copdns.accounts.account import CODE_LASTS, Account
from copdns.accounts.codes import ACCOUNT_CODE, code_digest, make_one_time_code
from copdns.accounts.roles import Role
from copdns.model.errors import HouseholdError, SignOnError
from copdns.model.household import Household
from copdns.provider.law.register import Register
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.family_codes import FamilyCodes
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.provider_db.portal_links import use_link
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.tenants import HouseholdTenants
from copdns.web.middlewares import add_headers
from copdns.web.staff.app import body_of
from copdns.web.staff.problems import answer_errors
from copdns.web.staff.site import CACHE, read_register_once
from copdns.web.staff.token_signatures import ED25519, read_token

LONGEST: Final = 300  # seconds between the making of a link and its end
LEEWAY: Final = 30  # seconds that two clocks may be apart
MOST_NAME: Final = 60  # characters
MAX_LINK: Final = 64 << 10  # octets
JOIN: Final = "/guardian/join"  # the family's page that takes the code


class Arrival(NamedTuple):
    """Who comes: a line of a tenant.  name: of the person, as the portal knows it."""

    tenant: str
    line: str
    name: str
    expires: int

    @property
    def household(self) -> str:
        """The id of the line's household; nothing of the contract can be read in it."""
        return "h-" + sha256(f"{self.tenant}\0{self.line}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class PortalDoor:
    """What arrivals stand on.

    origin: to which links are addressed.  family_origin: of the families' pages.  now: seconds
    since 1970.
    """

    register: RegisterStore
    households: HouseholdStore
    origin: str
    family_origin: str
    now: Callable[[], float]


DOOR: web.AppKey[PortalDoor] = web.AppKey("door for subscribers", PortalDoor)


def welcome_app(door: PortalDoor) -> web.Application:
    """Return the application that lets subscribers in, and does nothing else."""
    app = web.Application(middlewares=[answer_errors], client_max_size=MAX_LINK)
    app[CACHE] = {}
    app.on_response_prepare.append(add_headers)
    add_arrival(app, door)
    return app


def add_arrival(app: web.Application, door: PortalDoor) -> None:
    """Add the door for subscribers to an application."""
    app[DOOR] = door
    app.router.add_post("/arrive", _arrive)


async def _arrive(request: web.Request) -> web.Response:
    door, now = request.app[DOOR], int(request.app[DOOR].now())
    link = str((await body_of(request)).get("link", ""))
    register = await read_register_once(door.register, request.app[CACHE])
    arrival = read_link(link, register, door.origin, now)
    digest = sha256(link.rpartition(".")[0].encode()).hexdigest()
    is_first = await asyncio.to_thread(
        use_link, door.register.pool, digest, arrival.expires + LEEWAY, now
    )
    if not is_first:
        raise SignOnError("this link was used; go back to the portal for another one")
    code = await _make_first_guardian(door.households, arrival, now)
    tenants = HouseholdTenants(door.register.pool)
    await asyncio.to_thread(tenants.assign, arrival.household, arrival.tenant)
    join = door.family_origin + JOIN
    return web.json_response({"household": arrival.household, "code": code, "join": join})


def read_link(link: str, register: Register, origin: str, now: int) -> Arrival:
    """Return who comes by a link; raise SignOnError for one that is not for now and here.

    It is a JWT (RFC 7519) with `iss`, the tenant; `sub`, the line; `aud`, this origin; `iat`,
    `exp`, `jti` and `name`, signed by the tenant's key (Ed25519, by either name).
    """
    try:
        tenant = str(_read_claims(link).get("iss", ""))
        key = b64decode(register.portal_keys[tenant])
        jwk: dict[str, str | list[str]] = {
            "kty": "OKP",
            "crv": ED25519,
            "x": urlsafe_b64encode(key).rstrip(b"=").decode(),
        }
        claims = read_token(link, OKPKey.import_key(jwk), [ED25519]).claims
        begins, ends = int(claims["iat"]), int(claims["exp"])
        is_right = (
            claims["iss"] == tenant
            and claims["aud"] == origin
            and bool(claims["jti"])
            and begins - LEEWAY <= now < ends
            and ends - begins <= LONGEST
        )
        line, name = claims["sub"], claims["name"]
    # What is nested without end, and a time without end, are no links either.
    except (JoseError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise SignOnError("this link is not one of the portal's") from error
    are_texts = isinstance(line, str) and isinstance(name, str)
    if not (is_right and are_texts and line and 0 < len(name) <= MOST_NAME and name.isprintable()):
        raise SignOnError("this link is too old, or for another place; go back to the portal")
    return Arrival(tenant, line, name, ends)


def _read_claims(link: str) -> dict[str, Any]:
    """Return the claims before the signature is checked, to find whose key that takes."""
    found = json.loads(extract_compact(link.encode()).payload)
    return found if isinstance(found, dict) else {}


async def _make_first_guardian(store: HouseholdStore, arrival: Arrival, now: int) -> str:
    """Return the code of the first guardian's account; raise SignOnError where there is one."""
    accounts, household = Accounts(StoreThread(store)), arrival.household
    with contextlib.suppress(HouseholdError):  # the line has one
        await store.create(Household(household, arrival.name), "portal", now)
    first, code = Account(household, "", arrival.name, Role.GUARDIAN), make_one_time_code()
    digest = code_digest(code, ACCOUNT_CODE)
    if not await accounts.invite_first(first, digest, now + CODE_LASTS, now):
        raise SignOnError(
            "this household has guardians; log in at %(place)s/", place=JOIN.rpartition("/")[0]
        )
    # Made now, so that it is there to be shown; the portal does not learn it.
    await FamilyCodes(StoreThread(store)).make(household)
    return code

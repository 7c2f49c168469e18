"""Let a subscriber in who comes from the provider's portal, and make the household theirs.

The portal signs a link for who is logged in there.  Where the line has no household yet, there is
one afterwards: without a person, a rule or a filter, which are the family's to choose.  Whoever
comes gets a code to set a password with, as the first guardian at home does.  Holding the contract
makes nobody a guardian later: once somebody is one, a link of the portal opens nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final, NamedTuple

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import extract_compact

from copdns.accounts.account import CODE_LASTS, Account, Code, Purpose
from copdns.accounts.codes import ACCOUNT_CODE, code_digest, make_one_time_code
from copdns.accounts.roles import Role
from copdns.model.errors import HouseholdError, SignOnError
from copdns.model.household import Household
from copdns.provider.law.register import Register
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.provider_db.portal_links import use_link
from copdns.store.provider_db.tenants import HouseholdTenants
from copdns.web.staff.app import SITE, body_of, register_of

LONGEST: Final = 300  # seconds between the making of a link and its end
LEEWAY: Final = 30  # seconds that two clocks may be apart
MOST_NAME: Final = 60  # characters
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


HOUSEHOLDS: web.AppKey[HouseholdStore] = web.AppKey("households", HouseholdStore)
FAMILY_ORIGIN: web.AppKey[str] = web.AppKey("origin of the families' pages", str)


def add_arrival(app: web.Application, households: HouseholdStore, family_origin: str) -> None:
    """Add the door for subscribers to the application of the staff."""
    app[HOUSEHOLDS], app[FAMILY_ORIGIN] = households, family_origin
    app.router.add_post("/arrive", _arrive)


async def _arrive(request: web.Request) -> web.Response:
    site, now = request.app[SITE], int(request.app[SITE].now())
    link = str((await body_of(request)).get("link", ""))
    arrival = read_link(link, await register_of(request), site.origin, now)
    digest = sha256(link.rpartition(".")[0].encode()).hexdigest()
    is_first = await asyncio.to_thread(
        use_link, site.register.pool, digest, arrival.expires + LEEWAY, now
    )
    if not is_first:
        raise SignOnError("this link was used; go back to the portal for another one")
    code = await _make_first_guardian(request.app[HOUSEHOLDS], arrival, now)
    tenants = HouseholdTenants(site.register.pool)
    await asyncio.to_thread(tenants.assign, arrival.household, arrival.tenant)
    join = request.app[FAMILY_ORIGIN] + JOIN
    return web.json_response({"household": arrival.household, "code": code, "join": join})


def read_link(link: str, register: Register, origin: str, now: int) -> Arrival:
    """Return who comes by a link; raise SignOnError for one that is not for now and here.

    It is a JWT (RFC 7519) with `iss`, the tenant; `sub`, the line; `aud`, this origin; `iat`,
    `exp`, `jti` and `name`, signed by the tenant's key (Ed25519, RFC 9864).
    """
    try:
        tenant = str(_read_claims(link).get("iss", ""))
        key = b64decode(register.portal_keys[tenant])
        jwk: dict[str, str | list[str]] = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": urlsafe_b64encode(key).rstrip(b"=").decode(),
        }
        claims = jwt.decode(link, OKPKey.import_key(jwk), algorithms=["Ed25519"]).claims
        begins, ends = int(claims["iat"]), int(claims["exp"])
        is_right = (
            claims["iss"] == tenant
            and claims["aud"] == origin
            and bool(claims["jti"])
            and begins - LEEWAY <= now < ends
            and ends - begins <= LONGEST
        )
        line, name = claims["sub"], claims["name"]
    except (JoseError, ValueError, KeyError, TypeError) as error:
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
    there = await accounts.all(household)
    if any(each.has_password for each in there):
        raise SignOnError(f"this household has guardians; log in at {JOIN.rpartition('/')[0]}/")
    first = (
        there[0]
        if there
        else await accounts.add(Account(household, "", arrival.name, Role.GUARDIAN), None, now)
    )
    code = make_one_time_code()
    wanted = Code(household, Purpose.INVITE, first.id, now + CODE_LASTS)
    await accounts.make_code(wanted, code_digest(code, ACCOUNT_CODE), None, now)
    return code

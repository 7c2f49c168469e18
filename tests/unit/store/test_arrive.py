"""A link of the portal makes the household of a line theirs who come first, once."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from copdns.accounts.account import Account
from copdns.accounts.codes import ACCOUNT_CODE, code_digest
from copdns.accounts.roles import Role
from copdns.policy.chosen_filter import is_filter_on
from copdns.provider.law.events import PortalKeySet
from copdns.provider.plane.line_shares import group_at, share_of
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.snapshot import PolicyClass
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from tests.provider_staff import NOW
from tests.sign_on_server import sign_token
from tests.unit.store.staff_site import FAMILIES, Site, StaffBrowser, running_door, running_site

pytestmark = pytest.mark.once

PORTAL = OKPKey.generate_key("Ed25519")


@dataclass
class Portal:
    """site: where the tenant's key stands.  door: what the portal asks."""

    site: Site
    door: StaffBrowser

    @property
    def households(self) -> ProviderStore:
        assert self.site.households
        return self.site.households


@pytest.fixture
async def portal(postgres: str, tmp_path: Path) -> AsyncIterator[Portal]:
    async with running_site(postgres, tmp_path) as site:
        public = str(PORTAL.as_dict(private=False)["x"]).replace("-", "+").replace("_", "/") + "="
        site.store.write("console", NOW, lambda _: PortalKeySet("north", public))
        async with running_door(site) as door:
            yield Portal(site, door)


def link(portal: Portal, key: OKPKey = PORTAL, algorithm: str = "Ed25519", **claims: Any) -> str:
    usual = {"iss": "north", "sub": "line 4711", "aud": portal.door.origin, "name": "Ada"}
    told = {**usual, "jti": "1", "iat": NOW, "exp": NOW + 60, **claims}
    return sign_token(algorithm, told, key)


async def arrive(portal: Portal, text: str) -> tuple[int, Any]:
    return await portal.door.post("/arrive", {"link": text})


async def test_who_comes_first_owns_the_household_and_nothing_is_filtered(portal: Portal) -> None:
    status, found = await arrive(portal, link(portal))
    assert (status, found["join"]) == (200, f"{FAMILIES}/guardian/join")
    household = await portal.households.household(found["household"])
    assert household
    assert (household.profiles, household.name) == ((), "Ada")
    policy = group_at(share_of(household, NOW).shape, ListSlugs(), NOW).policy
    assert (policy, is_filter_on(household)) == (PolicyClass(), False)
    accounts = Accounts(StoreThread(portal.households))
    digest = code_digest(found["code"], ACCOUNT_CODE)
    (first,) = await accounts.all(found["household"])
    assert (first.role, first.has_password) == ("guardian", False)
    code = await accounts.find_code(digest, NOW)
    assert code
    assert (code.household, code.account) == (first.household, first.id)


async def test_a_link_is_good_once_and_holding_the_contract_makes_nobody_a_guardian(
    portal: Portal, postgres: str
) -> None:
    used = link(portal)
    assert (await arrive(portal, used))[0] == 200
    assert (await arrive(portal, used))[0] == 403
    status, found = await arrive(portal, link(portal, jti="2"))
    assert status == 200, "nobody has set a password"
    digest = code_digest(found["code"], ACCOUNT_CODE)
    await Accounts(StoreThread(portal.households)).use_code(digest, "a hash", NOW)
    with psycopg.connect(postgres, autocommit=True) as operator:
        rows = str(operator.execute(b"select * from copdns.household").fetchall())
    status, refused = await arrive(portal, link(portal, jti="3"))
    assert (status, "has guardians" in refused["detail"]) == (403, True)
    assert "4711" not in rows, "no number of a contract is in the id"


async def test_who_come_at_once_get_one_account_and_one_code(portal: Portal) -> None:
    links = [
        link(portal, jti=f"at once {each}", name=name) for each in "12" for name in ("Ada", "Bo")
    ]
    found = await asyncio.gather(*(arrive(portal, each) for each in links))
    assert [status for status, _ in found] == [200] * 4
    accounts = Accounts(StoreThread(portal.households))
    assert len(await accounts.all(found[0][1]["household"])) == 1
    digests = [code_digest(each["code"], ACCOUNT_CODE) for _, each in found]
    codes = [await accounts.find_code(each, NOW) for each in digests]
    assert len([each for each in codes if each]) == 1


async def test_no_link_takes_the_account_of_who_set_a_password_just_before(portal: Portal) -> None:
    accounts = Accounts(StoreThread(portal.households))
    _, found = await arrive(portal, link(portal))
    await accounts.use_code(code_digest(found["code"], ACCOUNT_CODE), "a hash", NOW)
    ada = Account(found["household"], "", "Ada", Role.GUARDIAN)
    assert not await accounts.invite_first(ada, "a digest", NOW + 60, NOW)
    assert await accounts.find_code("a digest", NOW) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "south"},
        {"aud": "https://other.example"},
        {"exp": NOW},
        {"iat": NOW + 3600, "exp": NOW + 3660},
        {"exp": NOW + 3600},
        {"exp": float("inf")},
        {"sub": ""},
        {"jti": ""},
        {"name": None},
    ],
)
async def test_a_link_that_is_not_for_now_and_here_opens_nothing(
    portal: Portal, claims: dict[str, Any]
) -> None:
    assert (await arrive(portal, link(portal, **claims)))[0] == 403


async def test_a_portal_signs_by_either_name_of_its_method_and_by_no_other(portal: Portal) -> None:
    public = PORTAL.as_dict(private=False)
    assert (await arrive(portal, link(portal, algorithm="EdDSA")))[0] == 200
    shared = OctKey.import_key(json.dumps(public).encode())  # what everybody knows is no secret
    told = {"iss": "north", "sub": "line 1", "aud": portal.door.origin, "name": "Bo", "jti": "2"}
    claims = {**told, "iat": NOW, "exp": NOW + 60}
    none = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = link(portal, jti="2").split(".")[1]
    for text in (jwt.encode({"alg": "HS256"}, claims, shared), f"{none}.{body}."):
        assert (await arrive(portal, text))[0] == 403


async def test_a_link_of_somebody_else_opens_nothing(portal: Portal) -> None:
    forged = link(portal, OKPKey.generate_key("Ed25519"))
    head, body, _ = link(portal).split(".")
    other = link(portal, OKPKey.generate_key("Ed448"), "EdDSA")
    old = link(portal, OKPKey.generate_key("Ed25519"), "EdDSA")
    deep = urlsafe_b64encode(b"[" * 40_000).rstrip(b"=").decode()
    cut = f"{head}.{body}.", f"{head}.{body}", f"{head}.{deep}.", "", json.dumps({})
    for text in (forged, other, old, *cut):
        assert (await arrive(portal, text))[0] == 403

"""A link of the portal makes the household of a line theirs who come first, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from copdns.accounts.codes import ACCOUNT_CODE, code_digest
from copdns.provider.law.events import PortalKeySet
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.thread import StoreThread
from tests.provider_staff import NOW
from tests.unit.store.staff_site import FAMILIES, Site, running_site

pytestmark = pytest.mark.once

PORTAL = OKPKey.generate_key("Ed25519")


@pytest.fixture
async def site(postgres: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(postgres, tmp_path) as site:
        public = str(PORTAL.as_dict(private=False)["x"]).replace("-", "+").replace("_", "/") + "="
        site.store.write("console", NOW, lambda _: PortalKeySet("north", public))
        yield site


def link(site: Site, key: OKPKey = PORTAL, **claims: Any) -> str:
    usual = {"iss": "north", "sub": "line 4711", "aud": site.origin, "name": "Ada", "jti": "1"}
    told = {**usual, "iat": NOW, "exp": NOW + 60, **claims}
    return jwt.encode({"alg": "Ed25519"}, told, key, algorithms=["Ed25519"])


async def arrive(site: Site, text: str) -> tuple[int, Any]:
    return await site.browser().post("/arrive", {"link": text})


async def test_who_comes_first_owns_the_household_and_nothing_is_filtered(site: Site) -> None:
    assert site.households
    status, found = await arrive(site, link(site))
    assert (status, found["join"]) == (200, f"{FAMILIES}/guardian/join")
    household = await site.households.household(found["household"])
    assert household
    assert (household.profiles, household.name) == ((), "Ada")
    accounts = Accounts(StoreThread(site.households))
    digest = code_digest(found["code"], ACCOUNT_CODE)
    (first,) = await accounts.all(found["household"])
    assert (first.role, first.has_password) == ("guardian", False)
    code = await accounts.find_code(digest, NOW)
    assert code
    assert (code.household, code.account) == (first.household, first.id)


async def test_a_link_is_good_once_and_holding_the_contract_makes_nobody_a_guardian(
    site: Site, postgres: str
) -> None:
    used = link(site)
    assert (await arrive(site, used))[0] == 200
    assert (await arrive(site, used))[0] == 403
    status, found = await arrive(site, link(site, jti="2"))
    assert status == 200, "nobody has set a password"
    assert site.households
    digest = code_digest(found["code"], ACCOUNT_CODE)
    await Accounts(StoreThread(site.households)).use_code(digest, "a hash", NOW)
    with psycopg.connect(postgres, autocommit=True) as operator:
        rows = str(operator.execute(b"select * from copdns.household").fetchall())
    status, refused = await arrive(site, link(site, jti="3"))
    assert (status, "has guardians" in refused["detail"]) == (403, True)
    assert "4711" not in rows, "no number of a contract is in the id"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "south"},
        {"aud": "https://other.example"},
        {"exp": NOW},
        {"iat": NOW + 3600, "exp": NOW + 3660},
        {"exp": NOW + 3600},
        {"sub": ""},
        {"jti": ""},
        {"name": None},
    ],
)
async def test_a_link_that_is_not_for_now_and_here_opens_nothing(
    site: Site, claims: dict[str, Any]
) -> None:
    assert (await arrive(site, link(site, **claims)))[0] == 403


async def test_a_link_of_somebody_else_opens_nothing(site: Site) -> None:
    forged = link(site, OKPKey.generate_key("Ed25519"))
    head, body, _ = link(site).split(".")
    for text in (forged, f"{head}.{body}.", f"{head}.{body}", "", json.dumps({})):
        assert (await arrive(site, text))[0] == 403

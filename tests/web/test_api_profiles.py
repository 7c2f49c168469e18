"""People by the API: the same as on the command line, and no way around the rules of privacy."""

from __future__ import annotations

from typing import Any

import pytest

from copdns.as_json.household import profile_json
from copdns.list_files.load import load_catalogue
from copdns.model.household import PrivacyMode
from tests.home import Home
from tests.web.guardians import log_in, set_up
from tests.web.programs import Caller, page
from tests.web.site import Client, Site


@pytest.fixture
def site() -> Site:
    return Site(Home(None, load_catalogue(())))


async def test_a_profile_is_as_the_command_shows_it(ada: Caller, site: Site) -> None:
    house = await site.store.household("home")
    assert house is not None
    shown = [profile_json(each, house, site.now) for each in house.profiles]
    assert await ada("GET", "/profiles") == shown
    assert await ada("GET", "/profiles/mia") == shown[0]


async def test_a_person_comes_with_what_is_fair_for_the_age(ada: Caller, client: Client) -> None:
    made = await ada(
        "POST", "/profiles", 201, json={"id": "sam", "name": "Sam", "preset": "7-9", "times": True}
    )
    assert made["band"] == "7-9"
    assert made["privacy"] == "blocked"
    assert made["schedules"]
    assert await ada("GET", "/profiles/sam") == made
    await ada("POST", "/profiles", 409, json={"id": "sam", "band": "7-9"})
    await ada("POST", "/profiles", 409, json={"id": "lea"})
    await ada("POST", "/profiles", 422, json={"id": "Lea!", "band": "7-9"})
    await ada("DELETE", "/profiles/sam", 403)  # what is recorded goes too: for people alone
    await log_in(client)
    await page(client)("DELETE", "/profiles/sam", 204)
    await ada("GET", "/profiles/sam", 404)
    await page(client)("DELETE", "/profiles/sam", 404)


async def test_what_is_sent_is_set_and_the_rest_stays(ada: Caller) -> None:
    sent = {"name": "Mia M.", "bypass": True, "always": ["music.example"], "max_ttl": 30}
    before = await ada("GET", "/profiles/mia")
    after = await ada("PATCH", "/profiles/mia", json=sent)
    assert after == before | sent
    assert (await ada("PATCH", "/profiles/mia", json={"max_ttl": None}))["max_ttl"] is None
    await ada("PATCH", "/profiles/mia", 409, json={})
    await ada("PATCH", "/profiles/mia", 409, json={"categories": ["no-such"]})
    await ada("PATCH", "/profiles/mia", 409, json={"always": ["category:"]})


@pytest.mark.usefixtures("ada")
async def test_devices_keep_a_person(client: Client) -> None:
    await log_in(client)
    found = await page(client)("DELETE", "/profiles/mia", 409)
    assert "mia-phone" in found["detail"]


@pytest.mark.parametrize("sent", [{"privacy": "full"}, {"full_log": {"start": 0, "end": 9}}])
async def test_a_full_log_is_no_mode_to_be_set(
    ada: Caller, site: Site, sent: dict[str, Any]
) -> None:
    await ada("PATCH", "/profiles/mia", 409 if "privacy" in sent else 422, json=sent)
    mia = (await ada("GET", "/profiles"))[0]
    assert (mia["privacy"], mia["full_log"]) == (PrivacyMode.COUNTS, None)


async def test_a_lower_age_is_announced(ada: Caller) -> None:
    after = await ada("PATCH", "/profiles/tom", json={"band": "10-12"})
    assert after["band_now"] == "13-15"
    assert after["band_change"] == {"band": "10-12", "at": "2026-03-30T16:00:00Z"}


async def test_a_full_log_is_asked_for_by_a_person_and_announced(
    client: Client, site: Site
) -> None:
    await set_up(site)
    await log_in(client)
    own = {"Origin": f"http://{client.host}:{client.port}"}
    call = Caller(client)
    made = await call("POST", "/profiles/tom/full-log", headers=own, json={"days": 2})
    assert made["full_log"] == {"start": "2026-03-30T16:00:00Z", "end": "2026-04-01T16:00:00Z"}
    assert made["privacy_now"] == "counts"
    await call("POST", "/profiles/ada/full-log", 403, headers=own, json={"days": 2})
    await call("DELETE", "/profiles/tom/full-log", 204, headers=own)
    await call("DELETE", "/profiles/tom/full-log", 204, headers=own)
    again = await call("POST", "/profiles/tom/full-log", 409, headers=own, json={"days": 1})
    assert "once every 30 days" in again["detail"]
    lines = {each["what"] for each in await call("GET", "/audit", headers=own)}
    # As the dashboard writes them, so that Tom's page tells him of both (`privacy/changes.py`).
    assert {"profile tom set: full-log of 2 days", "profile tom set: full-log ended"} <= lines


async def test_a_name_that_does_not_look_like_what_it_says_is_refused(ada: Caller) -> None:
    for name in ("a\0b", "a\x1b[31m", "\u202egpj.exe"):
        found = await ada("PATCH", "/profiles/mia", 409, json={"name": name})
        assert "cannot be shown" in found["detail"]


# --- who reads right after writing ----------------------------------------------------------------


async def test_a_read_after_a_write_tells_the_new_state(ada: Caller, site: Site) -> None:
    """Though the running program, which nothing follows here, still answers by the old one."""
    await ada("PUT", "/profiles/mia/pause", json={"minutes": 30})
    assert (await ada("GET", "/profiles/mia/state"))["state"] == "paused"
    await ada("DELETE", "/profiles/mia/pause", 204)
    assert (await ada("GET", "/profiles/mia/state"))["state"] == "open"
    rule = {"action": "block", "target": "films.example", "for": "mia"}
    await ada("POST", "/rules", 201, json=rule)
    asked = {"name": "films.example", "profile": "mia"}
    assert (await ada("GET", "/check", params=asked))["action"] == "block"
    await ada("POST", "/profiles", 201, json={"id": "ben", "preset": "7-9"})
    assert (await ada("GET", "/profiles/ben/state"))["state"] == "open"
    revision = (await ada("GET", "/status"))["revision"]
    assert revision > site.home.resolver.snapshot.households["home"].revision

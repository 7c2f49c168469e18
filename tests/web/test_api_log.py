"""What is kept of a person by the API: within the privacy mode, not of adults, and noted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.privacy.retention import CountKey, LogRow
from copdns.web.api.events import events
from tests.home import Home
from tests.household import library
from tests.web.programs import BASE, Caller, caller
from tests.web.site import Client, Site
from tests.web.test_api_appeals import comment, event

HELP = library(
    protected={
        "child_helpline": ["help.example"],
        "health_emergency_rights": ["health.example"],
    }
)


@pytest.fixture
def site() -> Site:
    return Site(Home(None, HELP))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        keep(site, "games.example")
        yield made


def keep(site: Site, name: str, profile: str = "mia") -> None:
    """Keep a look-up, as the running program does."""
    at = site.now // 300 * 300
    site.log.add(
        LogRow(
            at, "home", profile, "", name, 1, "block", "category", "games", "", "starter", name, ""
        )
    )
    site.log.count(CountKey("home", profile, at // 3600, "block", "category", "games"))
    site.log.flush()


async def test_names_counts_and_minutes_are_given_and_the_look_is_noted(
    ada: Caller, site: Site
) -> None:
    (row,) = await ada("GET", "/profiles/mia/log")
    assert (row["name"], row["device"], row["at"]) == ("games.example", "", "2026-03-29T16:00:00Z")
    (count,) = await ada("GET", "/profiles/mia/counts")
    assert (count["category"], count["count"]) == ("games", 1)
    assert (await ada("GET", "/profiles/mia/usage"))["estimate"] is True
    looks = await site.context.looks.of("home", "mia")
    assert {each.view for each in looks} == {ViewedPart.LOG, ViewedPart.COUNTS, ViewedPart.USAGE}
    shown = await ada("GET", "/profiles/mia/looks")
    assert {(each["by"], each["role"]) for each in shown} == {("Ada", "owner")}


async def test_a_program_gets_no_hours_of_whom_only_counts_are_kept(
    ada: Caller, site: Site
) -> None:
    hour = int(site.now) // 3600
    for each in (hour - 30, hour - 2, hour):  # yesterday's morning is older than a day
        site.log.count(CountKey("home", "tom", each, "allow", "default", ""), 2)
    site.log.flush()
    found = await ada("GET", "/profiles/tom/counts")
    assert [(each["hour"], each["count"]) for each in found] == [
        ("2026-03-28T00:00:00Z", 2),
        ("2026-03-29T00:00:00Z", 4),
    ]


async def test_a_state_is_no_look_and_tells_no_minutes_of_use(ada: Caller, site: Site) -> None:
    found = await ada("GET", "/profiles/mia/state")
    assert not {"used", "likely", "left"} & found.keys()
    assert await site.context.looks.of("home") == ()


@pytest.mark.parametrize("what", ["log", "counts", "usage", "events"])
async def test_nobody_looks_into_the_log_of_another_adult(
    ada: Caller, site: Site, what: str
) -> None:
    await ada("GET", f"/profiles/ada/{what}", 403)
    assert await site.context.looks.of("home") == ()


@pytest.mark.parametrize("what", ["log", "counts", "usage", "events"])
async def test_a_look_needs_its_scope_and_without_it_leaves_no_note(
    client: Client, site: Site, what: str
) -> None:
    bo = await caller(client, site, set(Permission) & {Permission.SEE_PROFILES}, "Bo")
    await bo("GET", f"/profiles/mia/{what}", 403)
    assert await site.context.looks.of("home") == ()


async def test_names_of_help_are_not_told_though_they_were_kept(ada: Caller, site: Site) -> None:
    """A list may learn of a name after it was looked up."""
    for name in ("help.example", "chat.help.example", "help.example.home.example"):
        keep(site, name)
    assert [each["name"] for each in await ada("GET", "/profiles/mia/log")] == ["games.example"]


async def test_the_log_is_told_as_it_comes_to_whom_it_is_of(client: Client, site: Site) -> None:
    told = await caller(client, site, [Permission.SEE_LOG], "Ada")
    async with client.get(f"{BASE}/profiles/mia/events", headers=told.headers) as stream:
        await comment(stream)
        keep(site, "toms.example", "tom")
        keep(site, "help.example")
        keep(site, "new\nline.example")
        found = await event(stream, "lookup")
    assert found["name"] == "new\nline.example"
    assert [each.view for each in await site.context.looks.of("home", "mia")] == [ViewedPart.LOG]


async def test_a_stream_ends_with_its_token(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECHECK_SECONDS", 0.05)
    told = await caller(client, site, [Permission.SEE_LOG], "Ada")
    async with client.get(f"{BASE}/profiles/mia/events", headers=told.headers) as stream:
        await comment(stream)
        (token,) = await site.context.tokens.all("home")
        await site.context.tokens.remove("home", token.id, "Ada", site.now)
        await stream.content.read()
        assert stream.content.at_eof()


async def test_streams_are_bounded(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    told = await caller(client, site, [Permission.SEE_APPEALS], "Ada")
    async with client.get(f"{BASE}/events", headers=told.headers) as stream:
        await comment(stream)
        await told("GET", "/events", 429)


async def test_a_sensitive_name_is_other_for_programs_too(ada: Caller, site: Site) -> None:
    keep(site, "www.health.example")
    (_, hidden) = await ada("GET", "/profiles/mia/log")
    assert (hidden["name"], hidden["reason"], hidden["text"]) == ("other", "other", "other")
    assert (hidden["rule"], hidden["list"], hidden["category"]) == ("", "", "")

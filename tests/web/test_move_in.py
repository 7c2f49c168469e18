"""A guardian comes from another filter: a file is shown line by line, and stored with a yes."""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from copdns.accounts.account import MINUTE
from copdns.accounts.roles import Permission, Role
from copdns.list_files.load import load_catalogue
from copdns.lists.own_lists import OwnList
from copdns.model.household import Band, Household
from copdns.web.moving_in import read_file
from copdns.web.moving_in.previews import MOST, PREVIEWS, SHOWN_FOR
from copdns.web.moving_in.read_file import MAX_ENTRIES, MAX_OCTETS
from tests.home import Home
from tests.household import MIA, TOM, family
from tests.running import without_end
from tests.unit.household.moving_in.files import (
    ADGUARD,
    HOSTS,
    PROFILE,
    gravity,
    in_many_groups,
    teleporter_6,
)
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.programs import caller, page
from tests.web.site import HTML, Client, Site, send, text, words

pytestmark = pytest.mark.logged_in

HERE = "/guardian/move-in"
# Everybody in it is here already, so that nobody is new.
FOR_MIA = """\
dns: {}
filters: []
user_rules: ['||games.example^', '/^ads[0-9]+[.]example$/', 'site.example##.banner']
clients:
  persistent:
    - {name: Mia, ids: [192.0.2.77], tags: [user_child]}
    - {name: Everyone, ids: [192.0.2.78], tags: [user_child]}
schema_version: 29
"""


@pytest.fixture(scope="module")
def bundled():  # type: ignore[no-untyped-def]
    return load_catalogue(())


@pytest.fixture
def site(bundled) -> Site:  # type: ignore[no-untyped-def]
    return Site(Home(family(MIA, TOM), bundled))


async def upload(
    client: Client,
    content: bytes | str,
    status: int = 200,
    name: str = "AdGuardHome.yaml",
    language: str = "en",
) -> str:
    octets = content.encode() if isinstance(content, str) else content
    form = FormData()
    form.add_field("file", BytesIO(octets), filename=name)
    origin = f"http://{client.host}:{client.port}"
    headers = {**HTML, "Origin": origin, "Accept-Language": language}
    reply = await client.post(HERE, data=form, headers=headers)
    shown = await reply.text()
    assert reply.status == status, shown
    return shown


def code_in(shown: str) -> str:
    found = re.search(r'action="/guardian/move-in/(\w+)/store"', shown)
    assert found, shown
    return found[1]


def undo_path(shown: str) -> str:
    found = re.search(r'action="(/guardian/undo/\w+)"', shown)
    assert found, shown
    return found[1]


async def house(site: Site) -> Household:
    found = await site.store.household("home")
    assert found is not None
    return found


async def stored(site: Site) -> tuple[Household, tuple[OwnList, ...], list[str]]:
    lines = [each.what for each in await site.store.changes("home")]
    return await house(site), site.updates.own.all(), lines


async def test_each_line_is_told_and_nothing_is_stored_before_a_yes(
    client: Client, site: Site
) -> None:
    before = await stored(site)
    assert "Switch from another filter" in await text(client, "/guardian/house")
    shown = words(await upload(client, ADGUARD))
    assert "What will be copied from AdGuard Home" in shown
    assert "stands for everyone who had no settings of their own in AdGuard Home" in shown
    assert re.search(r"site.example##.banner line \d+ will not be copied", shown)
    assert "This hides part of a page, and copdns can only block whole sites." in shown
    code = code_in(await upload(client, ADGUARD))
    taken = words(await text(client, f"{HERE}/{code}?show=taken"))
    assert re.search(r"\|\|games.example\^ line \d+ will be copied: A rule that blocks", taken)
    assert "A new person, with the age group adult" in taken
    assert await stored(site) == before


async def test_hours_are_told_in_the_readers_language(client: Client) -> None:
    code = code_in(await upload(client, ADGUARD))
    told = {
        "en": "from 15:00 to 17:30 on Mondays and all day on Saturdays",
        "es": "los lunes",
    }
    for language, hours in told.items():
        headers = {**HTML, "Accept-Language": language}
        page = words(await (await client.get(f"{HERE}/{code}", headers=headers)).text())
        assert hours in page
        assert "mon 15:00" not in page


async def test_with_a_yes_it_is_one_change_with_its_lists(client: Client, site: Site) -> None:
    revision = (await house(site)).revision
    code = code_in(await upload(client, ADGUARD))
    await send(client, f"{HERE}/{code}/store")
    after, lists, lines = await stored(site)
    assert after.revision == revision + 1
    assert {"mia", "tom", "everyone"} == {each.id for each in after.profiles}
    assert lists[0].slug in next(e for e in after.profiles if e.id == "mia").categories
    assert lines[-2:] == ["moved in from AdGuard Home", f"own list {lists[0].slug} added"]
    changes = words(await text(client, "/guardian/changes"))
    assert "Moved in from AdGuard Home." in changes
    await send(client, f"{HERE}/{code}/store", 404)  # a second tap stores nothing
    assert await stored(site) == (after, lists, lines)


async def test_ages_are_chosen_and_shown_before_they_are_stored(client: Client, site: Site) -> None:
    shown = await upload(client, b'{"data": {"name": "Bo", "denylist": [{"id": "x.example"}]}}')
    code = code_in(shown)
    shown = await send(client, f"{HERE}/{code}/ages", **{"age-bo": "7-9"})
    assert "age group 7-9" in words(await text(client, f"{HERE}/{code}?show=taken"))
    assert len((await house(site)).profiles) == 2
    await send(client, f"{HERE}/{code}/ages", 400, **{"age-bo": "seven"})
    await send(client, f"{HERE}/{code}/store")
    new = (await house(site)).profile("bo")
    assert new is not None
    assert new.band is Band.TO_9
    assert new.security


async def test_nothing_is_stored_where_the_household_is_another_one_by_now(
    client: Client, site: Site
) -> None:
    code = code_in(await upload(client, ADGUARD))
    await send(client, "/guardian/people/mia/rules", target="bets.example", action="block")
    before = await stored(site)
    assert "Something else was changed here meanwhile" in await text(client, f"{HERE}/{code}")
    refused = await send(client, f"{HERE}/{code}/store", 400)
    assert "look at the preview again" in refused
    assert await stored(site) == before


async def test_saying_yes_asks_for_the_password_again(client: Client, site: Site) -> None:
    code = code_in(await upload(client, ADGUARD))
    before = await stored(site)
    site.home.wait(5 * MINUTE)
    asks = await send(client, f"{HERE}/{code}/store", 403)
    assert "Confirm it is you" in asks
    assert await stored(site) == before
    await send(client, f"{HERE}/{code}/store", step_up_password=PASSWORD)
    assert len((await stored(site))[1]) == 1


async def test_it_is_undone_with_its_lists_and_done_again(client: Client, site: Site) -> None:
    await send(client, "/guardian/people", name="Everyone", band="adult")
    before, lists, _ = await stored(site)
    shown = await send(client, f"{HERE}/{code_in(await upload(client, FOR_MIA))}/store")
    after, kept, _ = await stored(site)
    assert len(kept) == 1
    shown = await send(client, undo_path(shown), back="/guardian/house")
    undone, none, lines = await stored(site)
    assert (undone.profiles, undone.rules, undone.devices) == (
        before.profiles,
        before.rules,
        before.devices,
    )
    assert none == lists == ()
    assert lines[-2:] == [
        "undone: moved in from AdGuard Home",
        f"undone: own list {kept[0].slug} added",
    ]
    await send(client, undo_path(shown))
    again, back, _ = await stored(site)
    assert (again.profiles, again.rules, back) == (after.profiles, after.rules, kept)


async def test_new_people_go_again_only_after_asking(client: Client, site: Site) -> None:
    before = await house(site)
    shown = await send(client, f"{HERE}/{code_in(await upload(client, ADGUARD))}/store")
    after = await stored(site)
    asks = await send(client, undo_path(shown), 409, back="/guardian/people")
    assert "also Everyone, with everything recorded about them since" in words(asks)
    assert await stored(site) == after
    shown = await send(client, undo_path(shown), back="/guardian/people", sure="on")
    undone, lists, _ = await stored(site)
    assert (undone.profiles, undone.devices, lists) == (before.profiles, before.devices, ())
    assert "/guardian/undo/" not in shown


async def test_those_without_settings_of_their_own_have_a_name_in_the_readers_language(
    client: Client,
) -> None:
    shown = await upload(client, ADGUARD, language="fr")
    assert "« Tout le monde »" in words(shown)
    assert "Everyone" not in words(shown)


async def test_a_list_that_somebody_changed_since_is_not_undone(client: Client, site: Site) -> None:
    await send(client, "/guardian/people", name="Everyone", band="adult")
    shown = await send(client, f"{HERE}/{code_in(await upload(client, FOR_MIA))}/store")
    (own,) = site.updates.own.all()
    changed = {"title": own.title, "text": "||other.example^", "format": "adblock"}
    await send(client, f"/guardian/lists/own/{own.slug}", **changed)
    now = await stored(site)
    refused = await send(client, undo_path(shown), 400)
    assert "something else was changed since then" in words(refused).lower()
    assert await stored(site) == now


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Choose a file first"),
        (b"nonsense", "cannot read this file"),
        (b"\xff\xfe\x00", "no text that can be read"),
        (b"\x1f\x8bnonsense", "damaged"),
        (b"PK\x03\x04nonsense", "damaged"),
        (b"SQLite format 3\0nonsense", "damaged"),
        (b'{"data": ' * 90_000, "damaged"),
        (b"dns: {}\nfilters: [\n", "cannot be read"),
        (b"x" * (MAX_OCTETS + 1), "larger than 8 MiB"),
        (b"0.0.0.0 a.example\n" * (MAX_ENTRIES + 1), "entries; bring it over with the command"),
    ],
    ids=[
        *("empty", "nonsense", "no text", "gzip", "zip", "database", "deep", "cut"),
        *("large", "many"),
    ],
)
async def test_a_file_that_is_none_is_told_and_nothing_else(
    client: Client, site: Site, content: bytes, told: str
) -> None:
    before = await stored(site)
    shown = words(await upload(client, content, 400))
    assert told in shown
    assert "Choose the file" in shown, "the form is there again"
    assert await stored(site) == before


async def test_a_small_file_that_says_the_same_very_often_is_not_taken_in(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_file, "MAX_SECONDS", 300)  # its size is refused, not its time
    monkeypatch.setattr(read_file, "MAX_FOUND", read_file.MAX_FOUND // 6)  # or it takes its time
    before = await stored(site)
    octets = in_many_groups(3_000, domainlist=100)  # 300,000 scopes, more than 3 MiB as JSON
    assert len(octets) < 100_000
    shown = words(await upload(client, octets, 400, name="teleporter.tar.gz"))
    assert "too large to be read, or broken" in shown
    shown = words(await upload(client, in_many_groups(3_000, client=16_000), 400))
    assert "take some out of it first" in shown
    assert await stored(site) == before


async def test_a_file_that_takes_a_processor_too_long_is_given_up_and_told(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", without_end(tmp_path, "copdns.web.moving_in.read_file"))
    monkeypatch.setattr(read_file, "MAX_SECONDS", 1)
    before = await stored(site)
    shown = words(await upload(client, ADGUARD, 400))
    assert "Reading this file takes too long" in shown
    assert await stored(site) == before


async def test_one_file_is_planned_at_a_time(client: Client, site: Site) -> None:
    ben = await caller(client, site, [Permission.EDIT_HOUSEHOLD], name="Ben")
    code = code_in(await upload(client, ADGUARD))
    async with client.app[PREVIEWS].one_by_one:
        plan = asyncio.ensure_future(ben("POST", "/move-in/plan", json=sent(HOSTS)))
        ages = asyncio.ensure_future(send(client, f"{HERE}/{code}/ages"))
        done, _ = await asyncio.wait((plan, ages), timeout=0.5)
        assert not done
    assert (await plan)["product"] == "hosts file"
    assert "What will be copied" in await ages


async def test_what_a_file_says_is_text_on_the_page(client: Client) -> None:
    evil = "<script>alert(1)</script>"
    shown = await upload(client, f"0.0.0.0 games.example\n0.0.0.0 {evil}\n", name=f"{evil}.txt")
    assert evil not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize("content", [gravity(), teleporter_6()], ids=["database", "archive"])
async def test_archives_and_databases_are_read(client: Client, content: bytes) -> None:
    assert "What will be copied from Pi-hole" in words(await upload(client, content, name="x"))


async def test_many_lines_are_shown_in_parts(client: Client) -> None:
    lines = "".join(f"0.0.0.0 n{n}.games.example\n" for n in range(450))
    code = code_in(await upload(client, lines))
    first = await text(client, f"{HERE}/{code}?show=taken")
    assert "n199.games.example" in first
    assert "n200.games.example" not in first
    last = await text(client, f"{HERE}/{code}?show=taken&from=400")
    assert "n449.games.example" in last
    assert "Later lines" not in last


async def test_a_preview_is_for_its_browser_and_ends(client: Client, site: Site) -> None:
    codes = [code_in(await upload(client, HOSTS)) for _ in range(MOST + 1)]
    await text(client, f"{HERE}/{codes[0]}", 404)  # a further one ended it
    await text(client, f"{HERE}/{codes[-1]}")
    await send(client, f"{HERE}/{codes[-1]}/drop")
    await text(client, f"{HERE}/{codes[-1]}", 404)
    await send(client, f"{HERE}/{codes[-1]}/drop")  # a second tap is harmless
    site.home.wait(SHOWN_FOR)
    await text(client, f"{HERE}/{codes[-2]}", 404)
    code = code_in(await upload(client, HOSTS))
    await set_up(site, "Ben", Role.GUARDIAN)
    client.session.cookie_jar.clear()
    await log_in(client, "Ben")
    await text(client, f"{HERE}/{code}", 404)
    await send(client, f"{HERE}/{code}/store", 404)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR])
async def test_it_is_for_guardians(client: Client, site: Site, role: Role) -> None:
    await set_up(site, "Rita", role)
    client.session.cookie_jar.clear()
    await log_in(client, "Rita")
    await upload(client, HOSTS, 403)
    await text(client, HERE, 403)


async def test_another_site_sends_no_file(client: Client, site: Site) -> None:
    before = await stored(site)
    form = FormData()
    form.add_field("file", BytesIO(HOSTS.encode()), filename="hosts")
    reply = await client.post(HERE, data=form, headers={**HTML, "Origin": "http://bo.example"})
    assert reply.status == 403
    assert await stored(site) == before


# --- programs -------------------------------------------------------------------------------------


def sent(content: str | bytes, **more: Any) -> dict[str, Any]:
    octets = content.encode() if isinstance(content, str) else content
    return {"file": b64encode(octets).decode(), **more}


async def test_a_program_plans_and_stores(client: Client, site: Site) -> None:
    scopes = [Permission.EDIT_HOUSEHOLD, Permission.EDIT_DEVICES, Permission.STEP_UP]
    ben = await caller(client, site, scopes, name="Ben")
    before = await stored(site)
    ages = {"ages": {"bo": "7-9"}}
    profile = sent('{"data": {"name": "Bo", "denylist": [{"id": "x.example"}]}}', **ages)
    plan = await ben("POST", "/move-in/plan", json=profile)
    assert plan["product"] == "NextDNS"
    (bo,) = plan["people"]
    assert (bo["id"], bo["band"], bo["is_new"]) == ("bo", "7-9", True)
    assert await stored(site) == before
    old = {**profile, "revision": plan["revision"] - 1}
    await ben("POST", "/move-in", 409, json=old)
    assert await stored(site) == before
    done = await ben("POST", "/move-in", json={**profile, "revision": plan["revision"]})
    assert done == plan
    after, _, lines = await stored(site)
    assert after.profile("bo") is not None
    assert lines[-1] == "moved in from NextDNS"


async def test_a_program_without_step_up_plans_only(client: Client, site: Site) -> None:
    ben = await caller(client, site, [Permission.EDIT_HOUSEHOLD], name="Ben")
    plan = await ben("POST", "/move-in/plan", json=sent(HOSTS))
    before = await stored(site)
    wanted = sent(HOSTS, revision=plan["revision"])
    assert (await ben("POST", "/move-in", 403, json=wanted))["type"].endswith("step-up")
    site.home.wait(5 * MINUTE)
    desk = page(client)
    assert (await desk("POST", "/move-in", 403, json=wanted))["type"].endswith("step-up")
    assert await stored(site) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"file": "no base64!"}, 409),
        (sent("nonsense"), 409),
        (sent(HOSTS, ages={"bo": "seven"}), 422),
        ({"file": ""}, 422),
        (sent(str(PROFILE)), 409),
    ],
    ids=["no base64", "nonsense", "no age", "empty", "no JSON"],
)
async def test_a_program_is_told_what_is_wrong(
    client: Client, site: Site, body: dict[str, Any], status: int
) -> None:
    ben = await caller(client, site, [Permission.EDIT_HOUSEHOLD], name="Ben")
    await ben("POST", "/move-in/plan", status, json=body)

"""Second boxes on the pages: paired with the password, told to everyone, ended with one tap; and
what the pages of a second box leave to the first one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape

import pytest
from pydantic import ValidationError

from copdns.household.second_box.bundle import read_bundle
from copdns.household.second_box.pairing_key import PairingKey, parse_pairing_key
from copdns.privacy.box_messages import FollowerRequest, SentAsk
from copdns.store.household_db.followers import FOLLOWS_FOR
from copdns.web.person import PAIRING
from copdns.web.routes import application
from copdns.web.second_box.bundles import FirstBox
from copdns.web.second_box.first_box import reply_to
from copdns.web.second_box.follow_status import FollowStatus
from tests.home import Home
from tests.household import block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site, send, text, words

BOXES = "/guardian/boxes"


@pytest.fixture
def site() -> Site:
    rule = replace(block("toys.example", "mia"), id="r1")
    return Site(Home(family(rules=(rule,)), library()))


@pytest.fixture
def first(site: Site) -> FirstBox:
    assert site.context.first_box is not None
    return site.context.first_box


@asynccontextmanager
async def second(site: Site, *, is_away: bool) -> AsyncIterator[Client]:
    """Visit the pages as those of a second box."""
    status = FollowStatus("https://192.0.2.10", site.now, is_away)
    site.context = replace(site.context, follows=lambda: status, first_box=None)
    site.app = application(site.context)
    async with site.visited() as client:
        yield client


async def pair(client: Client) -> PairingKey:
    page = await send(client, BOXES, name="Upstairs")
    line = page.partition("copdns follow ")[2].partition("</code>")[0]
    return parse_pairing_key(unescape(line).split()[1])


@pytest.mark.logged_in
async def test_a_box_is_paired_shown_to_everyone_and_ended(
    client: Client, site: Site, first: FirstBox
) -> None:
    await set_up(site, "Bea")
    key = await pair(client)
    assert key.text not in await text(client, BOXES), "it is shown once"
    (box,) = await first.followers.of("home")
    assert (box.name, box.id, box.secret) == ("Upstairs", key.id, key.secret)
    assert "Upstairs" in await text(client, "/me")
    history = words(await text(client, "/guardian/changes"))
    assert "Second copdns computer Upstairs: paired" in history
    asks = await send(client, f"{BOXES}/{box.id}/end", 409)
    assert "Within seconds it has only the guest rules" in words(asks)
    assert await first.followers.of("home")
    await send(client, f"{BOXES}/{box.id}/end", sure="on")
    assert not await first.followers.of("home")
    assert "Upstairs" not in await text(client, "/me")
    await log_in(client, "Bea")
    told = words(await text(client, "/guardian/notices"))
    assert "A second copdns computer was paired: Upstairs" in told


@pytest.mark.logged_in
async def test_a_bundle_has_the_rules_and_neither_words_nor_secrets(
    client: Client, site: Site, first: FirstBox
) -> None:
    await send(client, "/device")
    await send(client, "/ask", name="toys.example", words="For the chess club")
    key = await pair(client)
    number, octets = await first.bundle("home")
    bundle = read_bundle(octets, key.public)
    assert bundle.number == number
    text_of_it = json.dumps(bundle.rows)
    assert not bundle.rows.keys() & {
        "appeal",
        "change",
        "look",
        "pin",
        "session",
        "token",
        "follower",
    }
    for secret in ("chess club", key.secret.hex(), "argon2", "totp_secret"):
        assert secret not in text_of_it
    assert await first.bundle("home") == (number, octets), "nothing changed"
    await send(client, "/guardian/people/mia/rules", target="films.example", action="block")
    later, octets = await first.bundle("home")
    assert later > number
    assert "films.example" in json.dumps(read_bundle(octets, key.public).rows)


@pytest.mark.logged_in
async def test_a_box_that_is_ahead_is_led_on_whatever_the_clock_says(
    client: Client, site: Site, first: FirstBox
) -> None:
    """As after a database of an earlier time was put back, or a clock was ahead once."""
    key = await pair(client)
    number, octets = await first.bundle("home")
    ahead = number + 5_000_000_000_000
    later, again = await first.bundle("home", ahead)
    assert later > ahead
    assert read_bundle(again, key.public).rows == read_bundle(octets, key.public).rows
    assert await first.bundle("home", number) == (later, again), "once"
    await send(client, "/guardian/people/mia/rules", target="films.example", action="block")
    after, _ = await first.bundle("home", later)
    assert after > later
    assert (await first.bundle("home", 1 << 60))[0] == after, "nobody uses up all numbers"


@pytest.mark.logged_in
async def test_a_key_gets_no_words_of_requests_that_were_written_elsewhere(
    client: Client, site: Site, first: FirstBox
) -> None:
    await send(client, "/device")
    await send(client, "/ask", name="toys.example", words="For the chess club")
    (written,) = await site.context.appeals.appeals("home")
    key = await pair(client)
    box = await first.followers.find(key.id)
    assert box is not None
    sent = [
        SentAsk(id="k7qf2m9d", ask=replace(written.ask, words="")),  # which merges with the other
        SentAsk(id=written.id, ask=replace(written.ask, name="games.example")),
    ]
    for asked in (
        FollowerRequest(about=(written.id, f"{written.id}-{'0' * 32}")),
        FollowerRequest(asks=(sent[1],)),
    ):
        assert not (await reply_to(site.context, first, box, asked)).appeals
    merged = await reply_to(site.context, first, box, FollowerRequest(asks=(sent[0],)))
    assert merged.filed[0].appeal
    assert merged.filed[0].appeal != written.id
    (told,) = merged.appeals
    again = await reply_to(site.context, first, box, FollowerRequest(about=(told.id,)))
    assert again.appeals == merged.appeals
    assert "chess club" not in merged.model_dump_json()
    with pytest.raises(ValidationError):
        SentAsk(id="../k7qf2m9d", ask=written.ask)


async def test_a_week_without_a_fetch_ends_it(site: Site, first: FirstBox) -> None:
    async with site.visited():
        made = await first.followers.pair("home", "Upstairs", None, site.now)
        box = await first.followers.find(made.id)
        assert box is not None
        await first.followers.note_fetch(box, "192.0.2.11", site.now + 1000)
        await first.followers.tidy(site.now + 1000 + FOLLOWS_FOR - 1)
        assert await first.followers.of("home")
        await first.followers.tidy(site.now + 1000 + FOLLOWS_FOR)
        assert not await first.followers.of("home")
        ended = await first.followers.find(made.id)
        assert ended is not None, "so that the box can be told"
        assert ended.ended


@pytest.mark.parametrize("path", ["/guardian/", "/guardian/people", "/me", "/month", "/ticket"])
async def test_a_second_box_leads_to_the_first_for_what_is_there(site: Site, path: str) -> None:
    async with second(site, is_away=False) as client:
        page = await text(client, path)
    assert "This is the second box" in page
    where = (
        "https://192.0.2.10/guardian/" if path.startswith("/guardian") else "https://192.0.2.10/"
    )
    assert f'href="{where}"' in page


async def test_nothing_that_is_sent_to_a_second_box_changes_anything_there(site: Site) -> None:
    async with second(site, is_away=True) as client:
        for path in ("/device", "/guardian/login", "/guardian/pause-everyone", "/follow/abc"):
            page = await send(client, path, 409)
            assert "first box" in page or "192.0.2.10" in page
        refused = await client.get("/api/v1/status")
        assert refused.status == 409
        assert "192.0.2.10" in await refused.text()
        assert (await client.get("/readyz", headers=HTML)).status == 200


async def test_a_child_asks_at_a_second_box_and_reads_that_it_waits(site: Site) -> None:
    async with second(site, is_away=True) as client:
        cookie = await site.pairings.pair("home", "mia-phone", "mia", site.now)
        assert cookie is not None
        client.session.cookie_jar.update_cookies({PAIRING: cookie})
        assert "This is the second box at home" in await text(client, "/rules")
        page = await send(client, "/ask", name="toys.example")
    assert "It is waiting here" in page

"""Signs of bypass on pages: the person reads of them first, and nothing says that it did wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape

import pytest

from copdns.model.bypass_signs import Habit, Sign, SignKind
from copdns.model.household import Band, PrivacyMode, Profile
from copdns.store.log_db.bypass_signs import ChangedSigns, update_signs
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family
from tests.web.programs import page
from tests.web.site import Client, Site, send, stored_profile, text

pytestmark = pytest.mark.logged_in

DAY = 86_400
CHILD = replace(MIA, bypass=True, bypass_signs=True)
TEENAGER = replace(TOM, bypass=True, bypass_signs=True)
AT = int(NOW) // 3600 * 3600


def site_of(*people: Profile) -> Site:
    made = Site(Home(family(*people, ADA)))
    made.who = people[0].id
    return made


@pytest.fixture
def site() -> Site:
    return site_of(CHILD, TEENAGER)


def keep(site: Site, *signs: Sign) -> None:
    """Store signs, and a week of the first one's device."""
    key = signs[0][:3]
    week = Habit(*key, 2934, 20_540, 20_544, 5, "0" * 8 + "5" * 12 + "0" * 4, 45, 1)
    devices = {each[:3] for each in signs}
    update_signs(site.folder, devices, lambda _: ChangedSigns([week], signs))


def sign(who: str, tells: int | None, kind: SignKind = SignKind.VPN, at: int = AT) -> Sign:
    return Sign("home", who, f"{who}-phone", at, kind, tells is not None, tells)


def plain(html: str) -> str:
    return " ".join(unescape(html).split()).translate(dict.fromkeys(range(0x2066, 0x206A)))


async def test_a_child_and_a_guardian_read_it_at_once(client: Client, site: Site) -> None:
    keep(site, sign("mia", AT))
    await send(client, "/device")
    door = plain(await text(client, "/"))
    assert "Your device was quiet" in door
    assert "You did nothing wrong." in door
    assert "Grown-ups can see this too." in door
    overview = plain(await text(client, "/guardian/"))
    assert "A device of Mia may not be using the filter" in overview
    assert "by this device or in its name" in overview
    assert "This is no proof" in overview
    kept = plain(await text(client, "/guardian/people/mia/kept"))
    assert "Mia's phone was at home on" in kept


@pytest.mark.parametrize(
    ("band", "says"),
    [
        (Band.TO_6, "Your device was quiet"),
        (Band.TO_12, "Does your device follow the rules?"),
        (Band.TO_15, "Your device may not be using the filter"),
    ],
)
async def test_each_age_reads_it_in_its_own_words(band: Band, says: str) -> None:
    site = site_of(replace(CHILD, band=band))
    async with site.visited() as client:
        keep(site, sign("mia", AT))
        await send(client, "/device")
        assert says in plain(await text(client, "/"))
        assert "device" in plain(await text(client, "/me"))


async def test_a_teenager_has_a_day_before_the_guardians(client: Client, site: Site) -> None:
    ada = page(client)
    site.who = "tom"
    keep(site, sign("tom", AT + DAY))
    await send(client, "/device")
    door = plain(await text(client, "/"))
    assert "Your device may not be using the filter" in door
    assert "Only you can see this until" in door
    for path in ("/guardian/", "/guardian/people/tom/kept"):
        assert "by this device or in its name" not in await text(client, path)
    assert await ada("GET", "/profiles/tom/bypass-signs") == {
        "profile": "tom",
        "noticed": True,
        "notices": [],
    }
    site.home.set_clock(AT + DAY + 60)
    assert "Your parents or carers can see this too." in plain(await text(client, "/"))
    assert "A device of Tom may not" in plain(await text(client, "/guardian/"))
    (notice,) = (await ada("GET", "/profiles/tom/bypass-signs"))["notices"]
    assert notice == {
        "device": "tom-phone",
        "at": "2026-03-29T16:00:00Z",
        "kind": "vpn",
        "proven": True,
    }


async def test_a_sign_that_tells_nobody_is_only_on_the_persons_own_page(
    client: Client, site: Site
) -> None:
    keep(site, sign("mia", None, SignKind.SILENCE))
    await send(client, "/device")
    assert "quiet" not in await text(client, "/")
    own = plain(await text(client, "/me"))
    assert "did not ask us for a long time" in own
    assert "Only you see this." in own
    for path in ("/guardian/", "/guardian/people/mia/kept"):
        assert "Mia's phone was at home" not in plain(await text(client, path))


async def test_in_a_browser_that_is_not_the_persons_nothing_is_shown(
    client: Client, site: Site
) -> None:
    keep(site, sign("mia", AT))
    assert "Your device was quiet" not in await text(client, "/")
    assert "did not ask us" not in await text(client, "/me")


async def test_a_notice_leaves_the_first_pages_after_a_week(client: Client, site: Site) -> None:
    keep(site, sign("mia", AT - 8 * DAY, at=AT - 8 * DAY))
    await send(client, "/device")
    assert "Your device was quiet" not in await text(client, "/")
    assert "may not be using the filter" not in await text(client, "/guardian/")
    kept = plain(await text(client, "/guardian/people/mia/kept"))
    assert "Mia's phone was at home" in kept
    assert "Unless you choose to record nothing, copdns also records the times of day" in kept


@pytest.mark.parametrize(
    "other",
    [
        replace(CHILD, bypass_signs=False),
        replace(CHILD, band=Band.TO_17),
        replace(CHILD, privacy=PrivacyMode.OFF),
    ],
)
async def test_where_nobody_notices_nothing_is_told(other: Profile) -> None:
    site = site_of(other)
    async with site.visited() as client:
        keep(site, sign("mia", AT))
        await send(client, "/device")
        assert "silent-" not in await text(client, "/")
        assert 'id="silent"' not in await text(client, "/me")


async def test_a_person_takes_all_of_it_along_and_a_guardian_what_guardians_may_know(
    client: Client, site: Site
) -> None:
    site.who = "tom"
    keep(site, sign("tom", AT + DAY), sign("tom", None, SignKind.SILENCE, AT - DAY))
    await send(client, "/device")
    own = json.loads(await text(client, "/me/data.json"))
    assert [each["kind"] for each in own["bypass_signs"]] == ["silence", "vpn"]
    assert own["device_weeks"] == [
        {
            "week": "2026-03-26",
            "device": "tom-phone",
            "days": 5,
            "hours": "000000005555555555550000",
            "longest": 45,
        }
    ]
    guardians = json.loads(await send(client, "/guardian/people/tom/export"))
    assert guardians["bypass_signs"] == []
    assert "device_weeks" not in guardians


async def test_the_person_deletes_it_with_the_rest(client: Client, site: Site) -> None:
    keep(site, sign("mia", AT))
    await send(client, "/device")
    await send(client, "/me/erase", sure="on")
    own = json.loads(await text(client, "/me/data.json"))
    assert (own["bypass_signs"], own["device_weeks"]) == ([], [])


# --- the setting ---


CLOSED = "/guardian/people/mia/closed"


async def test_a_guardian_turns_it_off_and_on_and_the_child_reads_of_it(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    await send(client, CLOSED, bypass="on", default="allow")
    assert not (await stored_profile(site)).bypass_signs
    await site.follow()
    assert "what's recorded about you" in await text(client, "/rules")
    await send(client, CLOSED, bypass="on", bypass_signs="on", default="allow")
    assert (await stored_profile(site)).bypass_signs


async def test_it_goes_with_what_it_needs(client: Client, site: Site) -> None:
    told = await send(client, CLOSED, 400, bypass_signs="on", default="allow")
    assert "there is nothing to notice" in told
    await send(client, CLOSED, default="allow")
    stored = await stored_profile(site)
    assert (stored.bypass, stored.bypass_signs) == (False, False)


async def test_from_16_on_there_is_no_switch_and_a_program_hears_why(
    client: Client, site: Site
) -> None:
    ada = page(client)
    await ada("PATCH", "/profiles/tom", json={"band": "16-17"})
    stored = await stored_profile(site, "tom")
    assert (stored.band, stored.bypass_signs) == (Band.TO_17, False)
    problem = await ada("PATCH", "/profiles/tom", 409, json={"bypass_signs": True})
    assert "from 16 on" in json.dumps(problem)
    assert 'name="bypass_signs"' not in await text(client, "/guardian/people/tom/closed")

"""The household's calendar on the desk: dates by hand, and holidays from a file."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import pytest
from aiohttp import FormData

from copdns.accounts.roles import Role
from copdns.model.times import DayType, SchoolCalendar
from copdns.time.days import day_type
from copdns.web.calendars import MAX_OCTETS
from tests.home import Home
from tests.household import MIA, family, library
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site, send, text

pytestmark = pytest.mark.logged_in

CALENDAR = "/guardian/calendar"
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:1
DTSTART;VALUE=DATE:20260504
DTEND;VALUE=DATE:20260509
SUMMARY:Spring <i>break</i>
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:20260520T180000Z
DTEND:20260520T200000Z
SUMMARY:Evening for parents
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


@pytest.fixture
def site() -> Site:
    return Site(Home(family(MIA), library()))


async def kept(site: Site) -> SchoolCalendar:
    house = await site.store.household("home")
    assert house is not None
    return house.calendar


async def upload(client: Client, content: bytes, status: int = 200) -> str:
    form = FormData()
    form.add_field("file", BytesIO(content), filename="holidays.ics", content_type="text/calendar")
    headers = {**HTML, "Origin": f"http://{client.host}:{client.port}"}
    reply = await client.post(f"{CALENDAR}/import", data=form, headers=headers)
    page = await reply.text()
    assert reply.status == status, page
    return page


async def test_dates_are_named_and_taken_away_again(client: Client, site: Site) -> None:
    fields = {"first": "2026-12-24", "last": "2027-01-06"}
    page = await send(client, f"{CALENDAR}/days", kind="holiday", **fields)
    assert "2027-01-06" in page
    calendar = await kept(site)
    assert len(calendar.days) == 14
    assert day_type(calendar, date(2026, 12, 28)) is DayType.HOLIDAY
    await send(client, f"{CALENDAR}/days", kind="usual", **fields)
    assert (await kept(site)).days == ()


async def test_the_weekend_is_the_households(client: Client, site: Site) -> None:
    await send(client, f"{CALENDAR}/weekend", weekend="fri")
    assert (await kept(site)).weekend == {4}


async def test_whole_days_of_a_file_become_holidays(client: Client, site: Site) -> None:
    page = await upload(client, ICS.encode())
    assert "Spring &lt;i&gt;break&lt;/i&gt;" in page
    assert "left out, because it is not marked as all day" in page
    assert [day for day, _ in (await kept(site)).days] == [date(2026, 5, n) for n in range(4, 9)]


async def test_what_was_written_by_hand_stays(client: Client, site: Site) -> None:
    await send(client, f"{CALENDAR}/days", kind="school", first="2026-05-05")
    for _ in range(2):
        await upload(client, ICS.encode())
    assert dict((await kept(site)).days)[date(2026, 5, 5)] is DayType.SCHOOL


@pytest.mark.parametrize(
    "content",
    [b"", b"no calendar", b"\xff\xfe", ICS.encode().replace(b"DTSTART;", b"DTSTART;;;")],
    ids=["empty", "no calendar", "no text", "broken"],
)
async def test_a_file_that_is_no_calendar_is_told(
    client: Client, site: Site, content: bytes
) -> None:
    await upload(client, content, 400)
    assert (await kept(site)).days == ()


async def test_a_file_that_is_too_large_is_refused(client: Client, site: Site) -> None:
    page = await upload(client, ICS.encode() + b" " * MAX_OCTETS, 400)
    assert "too large for a calendar" in page


async def test_a_form_without_a_file_is_told(client: Client) -> None:
    await send(client, f"{CALENDAR}/import", 400)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"first": "2026-02-30", "kind": "holiday"},
        {"first": "2026-05-02", "last": "2026-05-01", "kind": "holiday"},
        {"first": "2026-05-02", "last": "2028-05-01", "kind": "holiday"},
        {"first": "2026-05-02", "kind": "party"},
    ],
)
async def test_what_means_nothing_changes_nothing(
    client: Client, site: Site, fields: dict[str, str]
) -> None:
    await send(client, f"{CALENDAR}/days", 400, **fields)
    await send(client, f"{CALENDAR}/weekend", 400, weekend="someday")
    assert await kept(site) == SchoolCalendar()


async def test_only_guardians_change_it(client: Client, site: Site) -> None:
    fields = {"first": "2026-05-02", "kind": "holiday", "weekend": "fri"}
    await send(client, "/guardian/logout")
    for action in ("days", "weekend", "import"):
        await send(client, f"{CALENDAR}/{action}", 401, **fields)
    await set_up(site, "Bo", Role.AUDITOR)
    await log_in(client, "Bo")
    assert (
        "<input" not in (await text(client, CALENDAR)).partition("<main")[2].partition("</main>")[0]
    )
    for action in ("days", "weekend", "import"):
        await send(client, f"{CALENDAR}/{action}", 403, **fields)
    assert await kept(site) == SchoolCalendar()

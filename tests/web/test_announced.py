"""What one guardian does for everybody is told to the others: who answers for names, and what is
protected from lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.accounts.account import NoticeKind
from copdns.accounts.roles import Permission, Role
from copdns.app.account_chores import event_of
from copdns.model.events import EventKind
from copdns.privacy.retention import LogRow
from tests.home import Home
from tests.household import ADA, MIA, TOM, family, library
from tests.web.guardians import log_in, set_up
from tests.web.programs import caller, page
from tests.web.site import Client, Site, send, text
from tests.web.test_step_up import ASKS, FRESH, KIND, PASSWORD

pytestmark = pytest.mark.logged_in

KINDS = (
    *(NoticeKind.LOOKUPS_CHANGED, NoticeKind.UPSTREAMS_CHANGED),
    *(NoticeKind.SITE_PROTECTED, NoticeKind.PERSON_REMOVED, NoticeKind.RECORDS_ERASED),
)
SCHOOL = "/guardian/wizard/school"
ROW = LogRow(0, "home", "mia", "", "games.example", 1, "block", "rule", "", "", "", "", "")


@pytest.fixture
def site() -> Site:
    lists = library(services={"video": ["video.example"]}, categories={"games": ["games.example"]})
    return Site(Home(family(MIA, TOM, ADA), lists))


async def told(site: Site, who: str) -> list[tuple[NoticeKind, str, str]]:
    """Return what a guardian has not seen yet of these."""
    account = next(each for each in await site.accounts.all("home") if each.name == who)
    unseen = await site.context.notices.unseen("home", account.id)
    return [(each.kind, each.about, each.author) for each in unseen if each.kind in KINDS]


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("splits", {"name": "work.example", "upstreams": "192.0.2.53"}, "work.example"),
        ("local", {"name": "nas.example", "addresses": "192.0.2.7"}, "nas.example"),
        ("rewrites", {"name": "*.old.example", "target": "new.example"}, "*.old.example"),
    ],
)
async def test_who_answers_for_a_name_is_told_to_the_other_guardian(
    client: Client, site: Site, path: str, fields: dict[str, str], name: str
) -> None:
    await set_up(site, "Rita", Role.GUARDIAN)
    await send(client, f"/guardian/names/{path}", **fields)
    assert await told(site, "Rita") == [(NoticeKind.LOOKUPS_CHANGED, name, "Ada")]
    await send(client, f"/guardian/names/{path}/{name}/remove")
    assert (await told(site, "Rita"))[1:] == [(NoticeKind.LOOKUPS_CHANGED, name, "Ada")]
    assert await told(site, "Ada") == []
    (notice, *_) = await site.context.notices.all("home")
    assert event_of(notice).kind is EventKind.LOOKUPS_CHANGED
    assert name not in str(event_of(notice)), "no domain leaves with an event"
    page = await text(client, "/guardian/notices")
    assert "Look at it or undo it" in page
    assert "You changed where these domains lead" in page
    assert "Someone changed where" not in page
    await log_in(client, "Rita")
    assert "Someone changed where these domains lead" in await text(client, "/guardian/notices")


async def test_so_it_is_where_a_program_does_it(client: Client, site: Site) -> None:
    await set_up(site, "Rita", Role.GUARDIAN)
    scopes = [Permission.EDIT_HOUSEHOLD, Permission.STEP_UP]
    program = await caller(client, site, scopes, name="Ben")
    await program("PUT", "/splits/work.example", json={"upstreams": ["192.0.2.53"]})
    await program("PUT", "/local-names/nas.example", json={"addresses": ["192.0.2.7"]})
    kinds = [(kind, about) for kind, about, _ in await told(site, "Rita")]
    assert kinds == [
        (NoticeKind.LOOKUPS_CHANGED, "work.example"),
        (NoticeKind.LOOKUPS_CHANGED, "nas.example"),
    ]


async def test_other_upstreams_in_the_settings_are_told_once(client: Client, site: Site) -> None:
    notices = site.context.notices
    for servers in ("", "", "192.0.2.53:53", "192.0.2.53:53"):
        await notices.note_upstreams(servers, site.now)
    assert await told(site, "Ada") == [
        (NoticeKind.UPSTREAMS_CHANGED, "192.0.2.53:53", "command line")
    ]
    assert "192.0.2.53:53" in await text(client, "/guardian/notices")


async def test_what_is_protected_is_told_and_can_be_undone(client: Client, site: Site) -> None:
    await set_up(site, "Rita", Role.GUARDIAN)
    await send(client, SCHOOL, names="school.example\nhttps://library.example/")
    (new,) = await told(site, "Rita")
    assert new == (NoticeKind.SITE_PROTECTED, "school.example, library.example", "Ada")
    assert f'href="{SCHOOL}"' in await text(client, "/guardian/notices")
    site.home.wait(FRESH)  # to undo it, no password is needed
    await send(client, SCHOOL, names="school.example")
    house = await site.store.household("home")
    assert house is not None
    assert house.protected == ("school.example",)
    assert len(await told(site, "Rita")) == 1


async def test_to_protect_one_more_the_password_is_asked(client: Client, site: Site) -> None:
    await send(client, SCHOOL, names="school.example")
    site.home.wait(FRESH)
    await send(client, SCHOOL, names="school.example")  # nothing new
    assert ASKS in await send(client, SCHOOL, 403, names="school.example\nmore.example")
    await send(client, SCHOOL, names="school.example\nmore.example", step_up_password=PASSWORD)
    house = await site.store.household("home")
    assert house is not None
    assert house.protected == ("school.example", "more.example")


async def test_a_program_needs_the_scope(client: Client, site: Site) -> None:
    wanted = {"protected": ["school.example"]}
    program = await caller(client, site, [Permission.EDIT_HOUSEHOLD], name="Ben")
    refused = await program("PATCH", "/household", 403, json=wanted)
    assert refused["type"] == KIND
    await program("PATCH", "/household", json={"name": "We"})
    may = await caller(client, site, [Permission.EDIT_HOUSEHOLD, Permission.STEP_UP], name="Bea")
    assert (await may("PATCH", "/household", json=wanted))["protected"] == ["school.example"]
    await program("PATCH", "/household", json={"protected": []})
    site.home.wait(FRESH)
    assert (await page(client)("PATCH", "/household", 403, json=wanted))["type"] == KIND


async def test_a_service_is_refused_with_the_reason(client: Client, site: Site) -> None:
    said = await send(client, SCHOOL, 400, names="www.video.example")
    assert "belongs to an app or service" in said
    refused = await page(client)("PATCH", "/household", 409, json={"protected": ["video.example"]})
    assert "belongs to an app or service" in refused["detail"]


async def test_what_an_older_house_protects_in_vain_is_shown(client: Client, site: Site) -> None:
    await site.store.change(
        "home",
        lambda house: replace(house, protected=("video.example", "school.example")),
        author="older",
        what="x",
        now=site.now,
    )
    shown = await text(client, SCHOOL)
    assert shown.count("This has no effect: ") == 1
    assert "video.example is an app" in shown.replace("<bdi>", "").replace("</bdi>", "")
    await send(client, SCHOOL, names="video.example\nschool.example")
    rule = {"action": "block", "target": "school.example", "for": ""}
    await page(client)("POST", "/rules", 201, json=rule)


@pytest.mark.parametrize("way", ["page", "program"])
async def test_who_is_removed_is_told_to_the_other_guardian(
    client: Client, site: Site, way: str
) -> None:
    await set_up(site, "Rita", Role.GUARDIAN)
    site.log.add(ROW)
    site.log.flush()
    if way == "page":
        await send(client, "/guardian/people/mia/remove", sure="on", heir="")
    else:
        await send(client, "/guardian/devices/mia-phone/remove")
        await page(client)("DELETE", "/profiles/mia", 204)
    assert await told(site, "Rita") == [(NoticeKind.PERSON_REMOVED, "Mia", "Ada")]
    assert await told(site, "Ada") == []
    assert site.log.rows("home") == ()
    assert "Mia was removed, with everything" in await text(client, "/guardian/notices")


async def test_what_is_erased_is_told_to_the_other_guardian(client: Client, site: Site) -> None:
    await set_up(site, "Rita", Role.GUARDIAN)
    await send(client, "/guardian/people/mia/erase", sure="on")
    assert await told(site, "Rita") == [(NoticeKind.RECORDS_ERASED, "mia", "Ada")]
    assert "What was recorded about" in await text(client, "/guardian/notices")


async def test_no_program_removes_somebody_and_a_person_proves_it_anew(
    client: Client, site: Site
) -> None:
    await send(client, "/guardian/devices/mia-phone/remove")
    may = await caller(client, site, [Permission.EDIT_PROFILES, Permission.STEP_UP], name="Bea")
    await may("DELETE", "/profiles/mia", 403)
    site.home.wait(FRESH)
    assert (await page(client)("DELETE", "/profiles/mia", 403))["type"] == KIND
    assert "mia" in await text(client, "/guardian/people")

"""What a reviewer and an auditor are shown: as far as their permissions, and no number beyond."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from copdns.accounts.roles import Permission, Role
from copdns.lists.versions import NeededEntry, NeededKind, VersionDiff
from tests.home import Home
from tests.household import MIA, TOM, asker, block, family, library
from tests.web.guardians import log_in, set_up
from tests.web.programs import caller, page
from tests.web.site import Client, Site, send, text
from tests.web.test_lists import shelf_of
from tests.web.test_log import keep, row

OVERVIEW = "/guardian/"


@pytest.fixture
def site() -> Site:
    lists = library(categories={"games": ["games.example"]})
    return Site(Home(family(MIA, TOM, rules=(block("toys.example", "mia"),)), lists))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await send(made, "/device")
        await send(made, "/ask", name="toys.example")
        keep(site, row("a.games.example"))
        yield made


async def become(client: Client, site: Site, role: Role) -> None:
    await set_up(site, "Rita", role)
    await log_in(client, "Rita")


async def test_a_reviewer_reads_of_requests_and_of_nobodys_day(client: Client, site: Site) -> None:
    await become(client, site, Role.REVIEWER)
    shown = (await text(client, OVERVIEW)).partition("<main")[2]
    assert "1 request to answer" in shown
    for each in ("Mia", "Tom", "Internet on", "day-open"):
        assert each not in shown


async def test_an_auditor_reads_of_people_and_of_no_request(client: Client, site: Site) -> None:
    await become(client, site, Role.AUDITOR)
    shown = (await text(client, OVERVIEW)).partition("<main")[2]
    assert "Mia" in shown
    assert "request" not in shown


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.AUDITOR])
async def test_no_list_tells_them_how_much_it_caught(
    client: Client, site: Site, role: Role
) -> None:
    await become(client, site, role)
    shown = await text(client, "/guardian/lists")
    assert "games-list" in shown
    assert "<dt>How often it blocked" not in shown


@pytest.mark.parametrize(
    ("role", "waiting"), [(Role.OWNER, 1), (Role.REVIEWER, 1), (Role.AUDITOR, None)]
)
async def test_how_many_wait_is_for_who_may_see_them(
    client: Client, site: Site, role: Role, waiting: int | None
) -> None:
    await become(client, site, role)
    assert (await page(client)("GET", "/status"))["waiting"] == waiting


@pytest.mark.parametrize(
    ("role", "status"), [(Role.GUARDIAN, 200), (Role.REVIEWER, 403), (Role.AUDITOR, 403)]
)
async def test_metrics_are_for_who_may_see_what_is_recorded(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch, role: Role, status: int
) -> None:
    """In a home with one child, what was blocked in numbers is what was blocked for that child."""
    monkeypatch.setattr("copdns.web.health.requestor_of", lambda _: asker("mia", "tcp"))
    for_status = await caller(client, site, [Permission.SEE_STATUS], "Rita", role)
    reply = await client.get("/metrics", headers=for_status.headers)
    assert reply.status == status
    assert ("copdns_" in await reply.text()) is (status == 200)


def needs_the_school(site: Site) -> None:
    """Have a version of a list held that names a site which nobody may lose, and the school."""
    shelf_of(site)
    needed = (
        NeededEntry("cdn.example", NeededKind.INFRASTRUCTURE, "cdn.example"),
        NeededEntry("school.example", NeededKind.VOUCHED, "school.example"),
    )
    diff = VersionDiff(needed=needed, needed_count=2)
    site.updates._held = {
        slug: replace(held, diff=diff) for slug, held in site.updates.held_versions.items()
    }


@pytest.mark.parametrize(("role", "reads"), [(Role.REVIEWER, False), (Role.AUDITOR, True)])
async def test_a_held_version_tells_what_the_household_allows_to_who_sees_its_rules(
    client: Client, site: Site, role: Role, reads: bool
) -> None:
    needs_the_school(site)
    await become(client, site, role)
    shown = await text(client, "/guardian/lists")
    assert "cdn.example" in shown
    assert ("school.example" in shown) is reads


@pytest.mark.parametrize("more", [(), (Permission.SEE_PROFILES,)])
async def test_so_does_the_api(client: Client, site: Site, more: tuple[Permission, ...]) -> None:
    needs_the_school(site)
    monitor = await caller(client, site, (Permission.SEE_STATUS, *more))
    of_all = {each["list"]: each["waiting"] for each in await monitor("GET", "/lists")}
    of_one = await monitor("GET", "/lists/versions", params={"list": "games-list"})
    names = [each["name"] for each in of_one["waiting"]["needed"]]
    assert names == ["cdn.example", "school.example"][: 1 + len(more)]
    assert of_one["waiting"] == of_all["games-list"]
    assert of_one["waiting"]["needed_count"] == 2

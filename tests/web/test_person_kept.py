"""What is kept of a person: no guardian gets past the rules, and no look is hidden."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from copdns.accounts.account import Account, NoticeKind, ViewedPart
from copdns.accounts.roles import Permission, Role
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.model.household import Band, PrivacyMode
from copdns.model.verdict import Action, Reason
from copdns.privacy.retention import CountKey, LogRow
from copdns.settings.backup import BackupSettings
from copdns.store.household_db.looks import Notices
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, block, family, library
from tests.web.site import Client, Site, send, stored_profile, text

pytestmark = pytest.mark.logged_in

DAY = 86_400


@pytest.fixture
def site() -> Site:
    rules = (
        replace(block("toys.example", "mia", note="After school."), id="r1"),
        replace(block("secret.example", "tom"), id="r2"),
    )
    lists = library(protected={"health_emergency_rights": ["clinic.example"]})
    return Site(Home(family(MIA, TOM, ADA, rules=rules), lists))


def row(profile: str, qname: str, reason: str = "default") -> LogRow:
    action = "allow" if reason in ("default", "protected") else "block"
    return LogRow(int(NOW), "home", profile, "", qname, 1, action, reason, "", "", "", "", "")


async def fetched(client: Client, profile: str = "mia") -> dict[str, object]:
    page = await send(client, f"/guardian/people/{profile}/export")
    found = json.loads(page)
    assert isinstance(found, dict)
    return found


# --- the privacy mode and the full log ---


async def test_a_mode_is_kept_and_the_child_reads_of_it(client: Client, site: Site) -> None:
    await send(client, "/device")
    await send(client, "/guardian/people/mia/kept", mode="off")
    assert (await stored_profile(site)).privacy is PrivacyMode.OFF
    assert "what's recorded about you" in await text(client, "/rules")


@pytest.mark.parametrize("mode", ["full", "", "everything"])
async def test_no_other_mode_can_be_set(client: Client, site: Site, mode: str) -> None:
    await send(client, "/guardian/people/mia/kept", 400, mode=mode)
    assert await stored_profile(site) == MIA


async def test_a_full_log_of_a_small_child_begins_and_the_others_hear(
    client: Client, site: Site
) -> None:
    await send(client, "/guardian/people/mia/full-log", days="2")
    full = (await stored_profile(site)).full_log
    assert full is not None
    assert (full.start, full.end) == (site.now, site.now + 2 * DAY)
    (notice,) = [
        each for each in await Notices(site.thread).all("home") if each.kind is NoticeKind.FULL_LOG
    ]
    assert (notice.about, notice.author) == ("mia", "Ada")
    await send(client, "/guardian/people/mia/full-log/stop", sure="on")
    await send(client, "/guardian/people/mia/full-log/stop", sure="on")
    assert (await stored_profile(site)).full_log is None
    # Once in 30 days, though it was stopped.
    await send(client, "/guardian/people/mia/full-log", 400, days="1")
    assert "once every 30 days" in await text(client, "/guardian/people/mia/kept")


async def test_one_of_a_teenager_is_announced_a_day_before(client: Client, site: Site) -> None:
    page = await send(client, "/guardian/people/tom/full-log", days="7")
    full = (await stored_profile(site, "tom")).full_log
    assert full is not None
    assert full.start == site.now + DAY
    assert "Announced" in page


async def test_from_16_on_there_is_none_without_consent(client: Client, site: Site) -> None:
    await send(client, "/guardian/people/tom/preset", band="16-17", only_age="on")
    assert "only Tom can agree to it" in await text(client, "/guardian/people/tom/kept")
    page = await send(client, "/guardian/people/tom/full-log", days="1")
    assert "Asked Tom on " in page
    tom = await stored_profile(site, "tom")
    assert (tom.band, tom.full_log) == (Band.TO_17, None)


@pytest.mark.parametrize("days", ["0", "8", "", "-1", "1.5", "x"])
async def test_it_lasts_seven_days_at_most(client: Client, site: Site, days: str) -> None:
    await send(client, "/guardian/people/mia/full-log", 400, days=days)
    assert (await stored_profile(site)).full_log is None


async def test_choosing_a_mode_ends_it(client: Client, site: Site) -> None:
    await send(client, "/guardian/people/mia/full-log", days="2")
    assert "Are you sure?" in await send(client, "/guardian/people/mia/kept", 409, mode="counts")
    assert (await stored_profile(site)).full_log is not None
    await send(client, "/guardian/people/mia/kept", mode="counts", sure="on")
    assert (await stored_profile(site)).full_log is None
    (*_, line) = await site.store.changes("home")
    assert line.author == "Ada"


# --- data export ---


async def test_a_file_holds_what_is_kept_of_one_person_alone(client: Client, site: Site) -> None:
    site.log.add(row("mia", "games.example", "category"))
    site.log.add(row("tom", "other.example", "category"))
    site.log.count(CountKey("home", "mia", int(NOW) // 3600, "block", "category", "games"))
    site.log.flush()
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="toys.example")
    ask = AppealRequest(
        "mia", "mia-phone", AppealKind.NAME, to, name="toys.example", words="For the play."
    )
    await site.appeals.file("home", ask, site.now)
    found = await fetched(client)
    text_of_it = json.dumps(found)
    for word in ("games.example", "For the play.", "toys.example", "After school.", "mia-phone"):
        assert word in text_of_it
    for word in ("other.example", "secret.example", "tom-phone"):
        assert word not in text_of_it


async def test_it_is_noted_and_the_next_file_says_so(client: Client, site: Site) -> None:
    found = await fetched(client)
    assert [each["view"] for each in found["who_looked"]] == ["export"]  # type: ignore[attr-defined]
    (look,) = await site.context.looks.of("home", "mia")
    assert (look.view, look.role) == (ViewedPart.EXPORT, Role.OWNER)
    assert "Ada downloaded the data" in await text(client, "/guardian/people/mia/kept")


async def test_names_that_tell_too_much_are_other_for_a_guardian(
    client: Client, site: Site
) -> None:
    for name, reason in (
        ("clinic.example", "protected"),
        ("www.bible.com", "default"),
        ("bible.com", "security"),
    ):
        site.log.add(row("mia", name, reason))
    site.log.flush()
    found = await fetched(client)
    names = [each["qname"] for each in found["look_ups"]]  # type: ignore[attr-defined]
    assert names == ["bible.com", "other", "other"]  # the newest first
    assert "clinic" not in json.dumps(found)


async def test_nobody_takes_a_file_of_another_adult(client: Client, site: Site) -> None:
    await send(client, "/guardian/people/ada/export", 403)
    await send(client, "/guardian/people/ada/full-log", 403, days="1")
    assert await site.context.looks.of("home") == ()


# --- it goes ---


async def test_what_is_erased_is_gone_and_the_child_reads_that_it_is(
    client: Client, site: Site
) -> None:
    await send(client, "/device")
    for who in ("mia", "tom"):
        site.log.add(row(who, "games.example", "category"))
    site.log.flush()
    await send(client, "/guardian/people/mia/erase", 400)
    assert len(site.log.rows("home", "mia")) == 1
    await send(client, "/guardian/people/mia/erase", sure="on")
    await send(client, "/guardian/people/mia/erase", sure="on")
    assert site.log.rows("home", "mia") == ()
    assert len(site.log.rows("home", "tom")) == 1
    assert await site.appeals.appeals("home", profile="mia") == ()
    assert "your records (deleted)" in await text(client, "/rules")


async def test_a_program_neither_erases_nor_removes(client: Client, site: Site) -> None:
    account = next(each for each in await site.accounts.all("home") if each.name == "Ada")
    scopes = frozenset({Permission.EDIT_PROFILES, Permission.SEE_PROFILES})
    until = site.now + DAY
    _, told = await site.context.tokens.make(account, "script", scopes, until, site.now, "Ada")
    client.session.cookie_jar.clear()
    headers = {"Authorization": f"Bearer {told}"}
    for action in ("erase", "remove", "full-log"):
        path = f"/guardian/people/mia/{action}"
        reply = await client.post(path, data={"sure": "on", "days": "1"}, headers=headers)
        assert reply.status == 403, action
    assert await stored_profile(site) == MIA


async def test_an_adult_takes_the_own_file_and_nothing_is_hidden_in_it(
    client: Client, site: Site
) -> None:
    wanted = Account("home", "", "ada herself", Role.GUARDIAN, "ada")
    account = await site.accounts.add(wanted, None, site.now)
    session = await site.context.sessions.begin(account, site.now)
    client.session.cookie_jar.clear()
    client.session.cookie_jar.update_cookies({"copdns_session": session})
    site.log.add(row("ada", "clinic.example", "protected"))
    site.log.flush()
    found = await fetched(client, "ada")
    assert "clinic.example" in json.dumps(found["look_ups"])
    assert await site.context.looks.of("home", "ada") == ()  # a look at oneself is none


async def test_who_deletes_reads_how_long_backups_have_it(client: Client, site: Site) -> None:
    pages = ("/guardian/people/mia/kept", "/guardian/people/mia")
    for page in pages:
        assert "Automatic backups" not in await text(client, page)
    chosen = BackupSettings(folder="/mnt/backups", every_hours=36, keep=3)
    site.settings = site.settings.model_copy(update={"backup": chosen})
    for page in pages:
        assert "for 5 days at most" in await text(client, page)

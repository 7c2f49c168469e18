"""People on the desk: who there is, what applies to each, and who may change it."""

from __future__ import annotations

import re

import pytest

from copdns.accounts.account import Account
from copdns.accounts.roles import Role
from copdns.household.presets import apply
from copdns.list_files.load import bundled_presets, load_catalogue
from copdns.model.household import Band, Contact, Household
from copdns.privacy.retention import LogRow
from copdns.web.desk.person.people import free_person_id
from copdns.web.routes import ROUTES
from tests.home import Home
from tests.household import MIA, NOW, TOM, family
from tests.web.guardians import PASSWORD, password_hash
from tests.web.site import Client, Site, send, stored_profile, text

pytestmark = pytest.mark.logged_in

SHIPPED = load_catalogue(())  # presets name what ships
PARTS = ("", "/open", "/closed", "/search", "/preset", "/rules", "/kept")


@pytest.fixture
def home() -> Home:
    return Home(family(MIA, TOM), SHIPPED)


async def test_somebody_can_live_by_another_clock(client: Client, site: Site) -> None:
    path = "/guardian/people/mia/answers"
    fields = {"name": "Mia", "block_mode": "nodata"}
    page = await send(client, path, 400, **fields, timezone="Europe/Pariss")
    assert "did you mean" in page
    assert "Europe/Paris" in page
    await send(client, path, **fields, timezone="America/New_York")
    assert (await stored_profile(site)).timezone == "America/New_York"
    for page in ("/guardian/", "/guardian/time/mia"):
        told = re.sub("<[^>]+>|[\u2066-\u2069]", "", await text(client, page))
        assert "Mia's time zone: America/New_York" in told.replace("&#39;", "'")
    assert "time zone" not in await text(client, "/guardian/time/tom")
    await send(client, path, **fields)  # an older form has no such field
    assert (await stored_profile(site)).timezone == "America/New_York"
    await send(client, path, **fields, timezone="")
    assert (await stored_profile(site)).timezone == ""


def test_the_short_words_for_an_age_agree_with_what_it_blocks() -> None:
    """`in_short` and `ages_hint` of person_pieces.html: a parent chooses by these."""
    found = {band: apply(preset, MIA) for band, preset in bundled_presets().items()}
    _small, child, older, teen, nearly, adult = (found[each] for each in Band)
    assert [each.default for each in found.values()] == ["allowlist", *["allow"] * 5]
    assert "social" in child.categories
    assert teen.categories <= child.categories & older.categories
    assert "social" not in older.categories | teen.categories
    assert [Contact.STRANGERS in each.contacts for each in (child, older, teen)] == [
        *(True, True, False)
    ]
    assert teen.categories == {"adult", "violence", "self_harm", "gambling"}
    assert nearly.categories == teen.categories
    assert "youtube" in dict(teen.safe_search)
    assert "youtube" not in dict(nearly.safe_search)
    assert adult.security
    assert not adult.categories


async def test_each_age_is_one_sentence_and_the_rest_folds(client: Client) -> None:
    page = await text(client, "/guardian/people")
    choices = page.split('<div class="age">')[1:]
    assert len(choices) == len(Band)
    for each in choices:
        shown, _, folded = each.partition("<details>")
        assert "We record how many sites" not in shown
        assert "Film and game ratings" not in shown
        assert "Details" in folded


async def test_everybody_is_there_with_an_age(client: Client) -> None:
    page = await text(client, "/guardian/people")
    assert "Mia" in page
    assert "7 to 9 years" in page
    assert "/guardian/people/tom" in page


@pytest.mark.parametrize("part", PARTS)
async def test_looking_at_a_page_changes_nothing(client: Client, site: Site, part: str) -> None:
    before = await site.store.changes("home")
    await text(client, f"/guardian/people/mia{part}")
    assert await site.store.changes("home") == before
    await text(client, f"/guardian/people/nobody{part}", 404)


async def test_somebody_new_starts_with_what_is_fair_for_the_age(
    client: Client, site: Site
) -> None:
    page = await send(client, "/guardian/people", name="  Somebody  New ", band="10-12")
    assert "Somebody New" in page
    new = await stored_profile(site, "somebody-new")
    assert (new.band, new.privacy, new.bypass) == (Band.TO_12, "blocked", True)
    house = await site.store.household("home")
    assert house is not None
    assert not house.budgets  # nothing of time unasked
    await send(client, "/guardian/people", name="Another", band="7-9", times="on")
    house = await site.store.household("home")
    assert house is not None
    assert [each.scope for each in house.budgets] == ["another"]


@pytest.mark.parametrize(
    ("name", "band"),
    [("", "7-9"), ("Mia", "7-9"), ("x" * 61, "7-9"), ("New", "8"), ("New", ""), ("a\x00b", "7-9")],
)
async def test_nobody_is_added_who_cannot_be(
    client: Client, site: Site, name: str, band: str
) -> None:
    before = await site.store.household("home")
    await send(client, "/guardian/people", 400, name=name, band=band)
    assert await site.store.household("home") == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Élève", "eleve"), ("ميا", "person"), ("Mia!", "mia-2"), ("Guest", "guest-2")],
)
def test_a_name_in_any_letters_gives_a_short_word(home: Home, name: str, expected: str) -> None:
    assert free_person_id(name, home.house) == expected


async def test_a_hostile_name_shows_harmlessly(client: Client) -> None:
    bad = "<script>alert(1)</script>{{ 7 * 7 }}"
    await send(client, "/guardian/people", name=bad, band="7-9")
    for path in ("", "/script-alert-1-script-7-7"):
        page = await text(client, f"/guardian/people{path}")
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{ 7 * 7 }}" in page


async def test_name_and_answers_can_be_changed(client: Client, site: Site) -> None:
    fields = {"name": "Mia M", "block_mode": "page", "max_ttl": "30"}
    page = await send(client, "/guardian/people/mia/answers", **fields)
    assert "Mia M" in page
    mia = await stored_profile(site)
    assert (mia.name, mia.block_mode, mia.max_ttl) == ("Mia M", "page", 30)
    for wrong in ({"block_mode": "x"}, {"max_ttl": "0"}, {"max_ttl": "soon"}, {"name": ""}):
        await send(client, "/guardian/people/mia/answers", 400, **{**fields, **wrong})
    assert await stored_profile(site) == mia


async def test_who_is_removed_goes_with_all_that_was_kept(client: Client, site: Site) -> None:
    site.log.add(row_of("mia", "games.example"))
    site.log.add(row_of("tom", "toys.example"))
    site.log.flush()
    await send(client, "/guardian/people/mia/remove", 400, heir="tom")  # nobody was sure
    assert (await stored_profile(site)).name == "Mia"
    page = await send(client, "/guardian/people/mia/remove", sure="on", heir="tom")
    assert "/guardian/people/mia" not in page
    house = await site.store.household("home")
    assert house is not None
    assert [(each.id, each.profile) for each in house.devices] == [
        ("mia-phone", "tom"),
        ("tom-phone", "tom"),
    ]
    assert [each.row.profile for each in site.log.rows("home")] == ["tom"]
    await send(client, "/guardian/people/mia/remove", 404, sure="on")


def row_of(profile: str, qname: str) -> LogRow:
    return LogRow(int(NOW), "home", profile, "", qname, 1, "block", "rule", "", "", "", qname, "")


ACTIONS = (
    "/guardian/people",
    *(
        f"/guardian/people/mia/{part}"
        for part in (
            *("answers", "remove", "closed", "search", "preset", "propose", "propose/drop"),
            *("rules", "rules/r1/note", "rules/r1/remove", "kept", "full-log", "full-log/stop"),
            *("full-log/drop", "open/always", "open/always/remove", "tags"),
            *("export", "erase", "age/confirm"),
        )
    ),
)


def test_every_action_is_tried_by_those_who_may_not() -> None:
    routes = {each.path for each in ROUTES if each.method == "POST"}  # type: ignore[attr-defined]
    filled = {"/mia": "/{person}", "/r1": "/{rule}", "/always": "/{kind}"}
    tried = set(ACTIONS)
    for value, place in filled.items():
        tried = {each.replace(value, place) for each in tried}
    assert tried == {each for each in routes if each.startswith("/guardian/people")}


EVERYTHING = {
    "name": "New",
    "band": "10-12",
    "block_mode": "null",
    "default": "allowlist",
    "sure": "on",
    "days": "3",
    "mode": "off",
    "action": "block",
    "target": "toys.example",
    "note": "No.",
    "names": "toys.example",
    "subject": "toys.example",
    "tag": "new",
}


async def account_of(site: Site, role: Role) -> None:
    profile = "tom" if role is Role.CHILD else ""
    wanted = Account("home", "", f"a {role}", role, profile)
    account = await site.accounts.add(wanted, None, site.now)
    await site.accounts.set_password("home", account.id, password_hash(), site.now, by=None)


async def become(client: Client, role: Role) -> None:
    status = 403 if role is Role.CHILD else 200  # the desk, to which a login leads
    await send(client, "/guardian/login", status, name=f"a {role}", password=PASSWORD)


async def test_nobody_changes_anything_who_may_not(client: Client, site: Site) -> None:
    roles = (Role.REVIEWER, Role.AUDITOR, Role.CHILD)
    for role in roles:
        await account_of(site, role)
    before, lines = await site.store.household("home"), await site.store.changes("home")
    await send(client, "/guardian/logout")
    for path in ACTIONS:
        await send(client, path, 401, **EVERYTHING)
    for role in roles:
        await become(client, role)
        for path in ACTIONS:
            await send(client, path, 403, **EVERYTHING)
    assert await site.store.household("home") == before
    assert await site.store.changes("home") == lines
    assert await site.context.looks.of("home") == ()


@pytest.mark.parametrize("part", PARTS)
async def test_nobody_reads_of_people_who_may_not(client: Client, site: Site, part: str) -> None:
    await send(client, "/guardian/logout")
    assert "Log in" in await text(client, f"/guardian/people/mia{part}")
    for role in (Role.REVIEWER, Role.CHILD):
        await account_of(site, role)
        await become(client, role)
        await text(client, f"/guardian/people/mia{part}", 403)
    await account_of(site, Role.AUDITOR)
    await become(client, Role.AUDITOR)
    page = await text(client, f"/guardian/people/mia{part}")
    main = page.partition("<main")[2].partition("</main>")[0]
    main = re.sub(
        r'<form[^>]*role="search".*?</form>', "", main, flags=re.DOTALL
    )  # whoever reads may search
    assert '<button class="quiet">' not in main
    assert "<button>Save</button>" not in main


async def test_a_stranger_of_another_house_finds_nobody(client: Client, site: Site) -> None:
    await site.store.create(Household("bos", "Bo's house"), "test", site.now)
    account = await site.accounts.add(Account("bos", "", "Bo", Role.OWNER), None, site.now)
    await site.accounts.set_password("bos", account.id, password_hash(), site.now, by=None)
    session = await site.context.sessions.begin(account, site.now)
    client.session.cookie_jar.clear()
    client.session.cookie_jar.update_cookies({"copdns_session": session})
    for part in PARTS:
        await text(client, f"/guardian/people/mia{part}", 404)
    for path in ACTIONS[1:]:
        await send(client, path, 404, **EVERYTHING)


@pytest.mark.parametrize("part", PARTS)
async def test_more_people_take_no_more_queries(client: Client, site: Site, part: str) -> None:
    async def queries() -> int:
        asked: list[str] = []
        site.store._connection.set_trace_callback(asked.append)
        await text(client, "/guardian/people")
        await text(client, f"/guardian/people/mia{part}")
        site.store._connection.set_trace_callback(None)
        return len(asked)

    before = await queries()
    for number in range(20):
        await send(client, "/guardian/people", name=f"Somebody {number}", band="7-9")
    assert await queries() == before


async def test_what_a_preset_is_is_said_in_the_readers_language(client: Client) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "fr"}
    page = await (await client.get("/guardian/people", headers=headers)).text()
    assert "La plupart des sites sont autorisés" in page
    assert "Most sites are allowed" not in page

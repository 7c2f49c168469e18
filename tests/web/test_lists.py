"""The lists at the desk: what is known of each, and a look for newer copies when asked."""

from __future__ import annotations

import asyncio
import re

import pytest

from copdns.accounts.roles import Role
from copdns.appeals.list_errors import WrongEntry
from copdns.list_files import audit_results
from copdns.list_files.audit import Share
from copdns.list_files.choose import ChosenLists
from copdns.list_files.fetch import FetchOutcome, FetchResult
from copdns.lists.download import CopyState, after_failure, status_error
from copdns.lists.gate import GateRules, KnownMistake
from copdns.lists.version_book import version_id
from copdns.model.matchers import Matcher
from copdns.privacy.list_counts import ListCountKey, ListCountKind, week_of
from copdns.privacy.list_scores import note_scores
from tests.home import Home
from tests.household import MIA, family, library
from tests.unit.list_files.test_choose import source
from tests.unit.list_files.test_versions import Shelf
from tests.web.guardians import guardian_client, log_in, set_up
from tests.web.site import Client, Site, send, text
from tests.web.test_log import keep, row

pytestmark = pytest.mark.logged_in

HERE = "/guardian/lists"


@pytest.fixture
def site() -> Site:
    lists = library(categories={"games": ["games.example", "play.example"]}, services={"tube": []})
    return Site(Home(family(MIA), lists))


async def test_each_list_tells_what_it_is_and_what_it_caught(client: Client, site: Site) -> None:
    keep(site, row("a.games.example"), row("b.games.example"), row("open.example", action="allow"))
    page = await text(client, HERE)
    assert "games-list" in page
    assert "<dt>How often it blocked something</dt><dd>2</dd>" in page
    assert "Sites: 2" in re.sub("[\u2068\u2069]", "", page)
    assert "copdns lists audit --keep" in page
    # Of a list that came with the program, an age would tell nothing.
    assert "<dt>Age</dt>" not in page


async def test_a_list_of_ones_own_is_no_list_made_by_others(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = "<h2>Lists made by others</h2>"
    assert others in await text(client, HERE)
    monkeypatch.setattr(type(site.updates), "own_slugs", frozenset({"games-list"}))
    page = await text(client, HERE)
    own = page.partition('<h2 id="own">')[2].partition("</section>")[0]
    assert 'href="/guardian/lists/own/games-list"' in own
    assert "<dt>How often it blocked something</dt>" in own, "all that is told of a list"
    assert "games-list" not in page.replace(own, "")
    assert others not in page


async def test_entries_that_would_block_something_else_are_told() -> None:
    refused = GateRules(
        whole={"edge.example": frozenset()},
        below={},
        mistakes=(KnownMistake(Matcher("poems.example"), frozenset({"games"})),),
    )
    listed = ["games.example", "edge.example", "poems.example"]
    lists = library(categories={"games": listed}, services={"tube": []}, refused=refused)
    async with guardian_client(Site(Home(family(MIA), lists))) as client:
        page = await text(client, HERE)
    assert "<dt>Left out</dt><dd>2</dd>" in page
    assert "2 sites were left out because blocking them would be a mistake" in page
    words = re.sub("<[^>]+>|[\u2068\u2069]", "", page)
    assert "edge.example: many other sites and apps need it" in words
    assert "poems.example: a known mistake of such lists" in words


async def test_an_audit_that_was_kept_is_shown(client: Client, site: Site) -> None:
    share = Share(200, 3, {"games-list": 3})
    audit_results.save_results(site.folder, share, frozenset({"games-list"}), site.now)
    page = await text(client, HERE)
    assert "1.5 of 100 sites that should be allowed" in page
    assert "200 sites" in page


async def test_a_broken_audit_is_as_good_as_none(client: Client, site: Site) -> None:
    for broken in ("", "[]", "{}", '{"at": 1, "names": 1, "blocked": 3}'):
        (site.folder / audit_results.FILE).write_text(broken)
        assert "lists audit --keep" in await text(client, HERE)


async def test_what_went_wrong_is_told_in_the_reader_s_language(client: Client, site: Site) -> None:
    gone = after_failure(CopyState(), status_error(404), site.now)
    site.updates._note(FetchOutcome("games-list", FetchResult.MISSING, gone))
    assert "The server no longer has this file (404); find out where" in await text(client, HERE)
    headers = {"Accept": "text/html", "Accept-Language": "en-XA"}
    page = await (await client.get(HERE, headers=headers)).text()
    assert '<p class="error">[thé sérvér ñö löñgér' in page


async def test_a_look_for_newer_copies_is_asked_for(client: Client, site: Site) -> None:
    for _ in range(2):
        page = await send(client, "/guardian/lists/update")
    assert site.updates.is_fetch_requested
    assert "Checking for updates…" in page


async def test_only_guardians_ask_for_one(client: Client, site: Site) -> None:
    await send(client, "/guardian/logout")
    await send(client, "/guardian/lists/update", 401)
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    await send(client, "/guardian/lists/update", 403)
    assert (await client.get("/guardian/lists/update")).status == 405
    assert not site.updates.is_fetch_requested
    assert "Check for updates now" not in await text(client, HERE)


# --- versions ------------------------------------------------------------------------------------

ACCEPT, REFUSE, BACK = (f"/guardian/lists/{each}" for each in ("accept", "refuse", "rollback"))


def shelf_of(site: Site) -> Shelf:
    """Let the list be a downloaded one, with two versions; another one is held."""
    site.updates._choice = ChosenLists((source("games-list"),))
    shelf = Shelf(site.folder, "games-list")
    with shelf.copies.hold_lock(wait=False):
        shelf.take("a")
        shelf.take("b")
        held = shelf.hold("c", is_told=True)
    site.updates._held = {"games-list": held}
    return shelf


def form_of(shelf: Shelf, version: str = "") -> dict[str, str]:
    held = shelf.versions.book("games-list").held
    return {"list": "games-list", "version": version or (held.version if held else "")}


async def test_a_held_version_waits_with_what_changed(client: Client, site: Site) -> None:
    shelf = shelf_of(site)
    page = await text(client, HERE)
    assert "A new version of this list is waiting for you." in page
    assert "7 sites added" in page
    page = await send(client, ACCEPT, **form_of(shelf))
    assert "The new version of the list is used now; you can go back" in page
    assert (shelf.in_force, shelf.held) == ("c", "")
    assert "is waiting for you" not in page
    (line,) = [each.what for each in await site.store.changes("home") if "list" in each.what]
    assert line.startswith("list games-list: new version accepted; in use: ")


async def test_a_version_is_refused_or_gone_back_from(client: Client, site: Site) -> None:
    shelf = shelf_of(site)
    page = await send(client, REFUSE, **form_of(shelf))
    assert "The new version of the list is not used" in page
    assert (shelf.in_force, shelf.held) == ("b", "")
    (earlier,) = shelf.versions.earlier("games-list")
    assert page.count("Go back to the version from") == 1
    page = await send(client, BACK, **form_of(shelf, version_id(earlier)))
    assert "The earlier version of the list is used now" in page
    assert shelf.in_force == "a"


async def test_a_second_tap_on_a_button_says_what_the_first_one_did(
    client: Client, site: Site
) -> None:
    shelf = shelf_of(site)
    fields = form_of(shelf)
    for _ in range(2):
        page = await send(client, ACCEPT, **fields)
        assert "The new version of the list is used now; you can go back" in page
    assert (shelf.in_force, shelf.held) == ("c", "")
    before = {"list": "games-list", "version": version_id(shelf.versions.earlier("games-list")[0])}
    for _ in range(2):
        assert "The earlier version of the list is used now" in await send(client, BACK, **before)
    with shelf.copies.hold_lock(wait=False):
        shelf.hold("d")
    fields = form_of(shelf)
    for _ in range(2):
        assert "The new version of the list is not used" in await send(client, REFUSE, **fields)
    assert (shelf.in_force, shelf.held) == ("b", "")
    lines = [each.what for each in await site.store.changes("home") if "list" in each.what]
    assert len(lines) == 3, "a second tap writes no second line"


async def test_two_taps_at_once_are_one_decision(client: Client, site: Site) -> None:
    shelf = shelf_of(site)
    fields = form_of(shelf)
    # Neither is refused.  The browser is told once what was done, by whichever page comes first.
    pages = await asyncio.gather(*(send(client, ACCEPT, **fields) for _ in range(2)))
    assert any("is used now; you can go back" in each for each in pages)
    assert shelf.in_force == "c"


@pytest.mark.parametrize("path", [ACCEPT, REFUSE, BACK])
async def test_what_nobody_looked_at_is_not_decided(client: Client, site: Site, path: str) -> None:
    shelf = shelf_of(site)
    for fields in ({"list": "other", "version": "a"}, {"list": "games-list"}, {}):
        await send(client, path, 400, **fields)
    await send(client, path, 400, list="games-list", version="0123456789ab")
    assert (shelf.in_force, shelf.held) == ("b", "c")


async def test_only_guardians_decide(client: Client, site: Site) -> None:
    shelf = shelf_of(site)
    fields = form_of(shelf)
    await send(client, "/guardian/logout")
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    for path in (ACCEPT, REFUSE, BACK):
        await send(client, path, 403, **fields)
    page = await text(client, HERE)
    assert "A new version of this list is waiting for you." in page
    assert "Use the new version" not in page
    assert shelf.held == "c"


# --- on trial ------------------------------------------------------------------------------------

TRIAL = "/guardian/lists/trial"


async def test_a_list_is_put_on_trial_and_blocks_again(client: Client, site: Site) -> None:
    page = await send(client, TRIAL, list="games-list", days="3")
    assert "Being tried out until" in page
    assert "not known yet: only counted for three people or more together" in page
    assert site.updates.log_only.slugs(site.now) == {"games-list"}
    page = await send(client, TRIAL, list="games-list", days="0")
    assert "The list blocks now" in page
    assert "Being tried out until" not in page
    assert site.updates.log_only.slugs(site.now) == frozenset()
    lines = [each.what for each in await site.store.changes("home") if "list" in each.what]
    assert lines == ["list games-list: on trial for 3 days", "list games-list: blocks now"]


async def test_what_three_people_met_is_shown_as_one_number(client: Client, site: Site) -> None:
    await send(client, TRIAL, list="games-list", days="3")
    key = ListCountKey("home", "games-list", week_of(site.now), ListCountKind.LOG_ONLY)
    site.log.flush()  # makes the file
    site.log.count_lists({key: 5})
    site.log.count_lists({key: 2})
    assert "<dt>It would have blocked</dt><dd>7 visits</dd>" in await text(client, HERE)


async def test_only_what_can_be_on_trial_is(client: Client, site: Site) -> None:
    await send(client, TRIAL, 400, list="tube", days="3")
    await send(client, TRIAL, 400, list="nothing", days="3")
    await send(client, TRIAL, 400, list="games-list", days="90")
    await send(client, "/guardian/logout")
    await send(client, TRIAL, 401, list="games-list", days="3")
    await set_up(site, "Bo", Role.REVIEWER)
    await log_in(client, "Bo")
    await send(client, TRIAL, 403, list="games-list", days="3")
    assert site.updates.log_only.slugs(site.now) == frozenset()


async def test_what_a_list_caught_and_took_when_it_was_measured_is_shown() -> None:
    lists = library(more={"ut1-games": ("games", ["games.example"])})
    async with guardian_client(Site(Home(family(MIA), lists))) as client:
        page = await text(client, HERE)
    assert "it blocked 55 of 99 sites that it is about, and 47 of 7,944 others" in page
    assert page.count("When we tested it") == 1


async def test_how_a_list_did_is_shown_week_by_week(client: Client, site: Site) -> None:
    assert "Week by week" not in await text(client, HERE)
    site.log.flush()  # makes the file
    statuses = site.home.resolver.snapshot.library.statuses
    wrong = [WrongEntry("chess.example", "games-list", "games")]
    site.log.note_lists(note_scores("home", statuses, [], site.now))
    site.log.note_lists(note_scores("home", statuses, wrong, site.now))  # in place of the other
    page = await text(client, HERE)
    assert page.count("Week by week") == page.count("<td>–</td>") > 0
    assert "<td>–</td><td>1</td><td>0</td>" in page
    site.log.count_lists(
        {ListCountKey("home", "games-list", week_of(site.now), ListCountKind.CAUGHT): 7}
    )
    assert "<td>7</td><td>1</td><td>0</td>" in await text(client, HERE)

"""Nobody speaks for a child but the child: what a guardian gives is told, and is no proof at once.

Tom is 17 and has a telephone; Mia is 8.  Ada is their guardian.  All is done with browsers: each
has cookies of its own, and comes from an address.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import CookieJar

from copdns.accounts.account import DAY, GUEST_PREFIX, HOUR, GuestKind
from copdns.model.household import Band
from copdns.store.household_db.thread import StoreThread
from copdns.web.person import GUEST_PAIRING
from copdns.words.phrases import END_ISOLATE, ISOLATE
from tests.home import Home
from tests.household import ADA, ADDRESSES, MIA, TOM, block, family
from tests.web.guardians import PASSWORD, log_in, set_up
from tests.web.site import Client, Site, consent_question, put_guests_in_force, send, text

TEEN = replace(TOM, band=Band.TO_17)
TOMS = ADDRESSES["tom"]
ADAS = "192.0.2.77"  # the address of Ada's own telephone
SHARED = "192.0.2.200"  # a tablet that is nobody's
LATER = "it also shows what is only for you."
TOLD = 'id="known-by"'
BLOCKED = "secret.toys.example"
AGREED = "Recording starts soon, because you agreed"


def plain(page: str) -> str:
    """Return a page without the marks that keep names of other scripts apart."""
    return page.replace(ISOLATE, "").replace(END_ISOLATE, "")


class Browser:
    """A browser of somebody: its cookies, and the address that it comes from."""

    def __init__(self, site: Site, client: Client, who: str) -> None:
        self._site, self._client, self.who = site, client, who
        self._cookies = CookieJar(unsafe=True)

    def _use(self) -> Client:
        self._site.who = self.who
        self._client.session._cookie_jar = self._cookies
        return self._client

    async def opens(self, path: str, status: int = 200) -> str:
        return plain(await text(self._use(), path, status))

    async def sends(self, path: str, status: int = 200, **fields: str) -> str:
        page = await send(self._use(), path, status, **fields)
        await self._site.follow()
        return plain(page)

    def cookie(self, name: str) -> str:
        return next(each.value for each in self._cookies if each.key == name)

    async def logs_in(self) -> None:
        await log_in(self._use())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """All connections of tests come from loopback; here the address matters."""
    rules = (replace(block("toys.example", "tom"), id="r1"),)
    made = Site(Home(family(MIA, TEEN, ADA, rules=rules)))
    monkeypatch.setattr("copdns.web.child.claim_device.requestor_of", lambda _: made.asker)
    return made


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await set_up(site)
        yield made


@pytest.fixture
async def ada(site: Site, client: Client) -> Browser:
    """Ada at the dashboard."""
    found = Browser(site, client, "ada")
    await found.logs_in()
    return found


@pytest.fixture
async def tom(site: Site, client: Client) -> Browser:
    """Tom with his telephone, whose browser is linked, and on which something was blocked."""
    found = Browser(site, client, "tom")
    await found.sends("/device")
    site.home.ask("tom", BLOCKED)
    return found


async def give_tom_adas_address(ada: Browser, tom_too: bool = True) -> None:
    own = TOMS if tom_too else ""
    await ada.sends("/guardian/devices/tom-phone/change", known=f"{own} {ADAS}")


async def test_who_was_him_for_a_day_reads_and_objects_to_nothing_of_his(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    """A guest's cookie is no device's, under whatever name it is sent."""
    friend = Browser(site, client, SHARED)
    await friend.sends("/whose/ask")
    await site.guests.approve("home", GuestKind.GUEST, SHARED, "tom", "Ada", site.now)
    await site.logins.set_pin("home", "tom", "4718", "Ada", site.now)
    secret = friend.cookie(GUEST_PAIRING)
    pairings = await site.context.pairings.of("home")
    assert any(each.device.startswith(GUEST_PREFIX) for each in pairings)
    assert await site.context.claims.of("home", "", site.now, secret) == ()
    assert await site.context.claims.moves("home", "", site.now, secret) == ()
    assert not await site.context.claims.object("home", "", site.now, secret)


async def asked_to_consent(ada: Browser, site: Site) -> str:
    await ada.sends("/guardian/people/tom/full-log", days="2", step_up_password=PASSWORD)
    return await consent_question(site)


async def test_on_the_first_day_the_first_browser_of_a_child_waits_for_nothing(
    ada: Browser, site: Site, client: Client
) -> None:
    """Mia's tablet is assigned in the setup; a second browser waits, as does one at an address that
    was added to a device in use."""
    fields = {"known": SHARED, "profile": "mia", "name": "tablet"}
    await ada.sends("/guardian/wizard/devices", **fields)
    mia = Browser(site, client, SHARED)
    await mia.sends("/device")
    assert LATER not in await mia.opens("/")
    await ada.sends("/guardian/devices/tablet/let-in")
    second = Browser(site, client, SHARED)
    await second.sends("/device")
    assert LATER in await second.opens("/")
    await give_tom_adas_address(ada)
    added = Browser(site, client, ADAS)
    await added.sends("/device")
    assert LATER in await added.opens("/")


@pytest.mark.parametrize("change", ["made before", "clock set back"])
async def test_a_first_day_does_not_come_again(
    ada: Browser, site: Site, client: Client, change: str
) -> None:
    await ada.sends("/guardian/devices", name="own", profile="mia", known=SHARED)
    if change == "made before":
        made = "update change set at = at - 86400 where what = 'created'"
        thread = StoreThread(site.store)
        await thread.write(lambda connection: connection.execute(made), "home")
    else:
        await site.store.note("home", "Ada", "anything", site.now + DAY)
    mia = Browser(site, client, SHARED)
    await mia.sends("/device")
    assert LATER in await mia.opens("/")


async def test_whoever_took_a_childs_place_on_the_first_day_can_be_objected_to(
    ada: Browser, site: Site, client: Client
) -> None:
    """Ada invents a device of Mia's and visits it first; Mia's own tablet waits, and Mia objects.
    Ada objects as well: then hers waits, too, and Mia's can still say no to it."""
    await ada.sends("/guardian/devices", name="tablet", profile="mia", known=ADAS)
    taken = Browser(site, client, ADAS)
    await taken.sends("/device")
    assert LATER not in await taken.opens("/")
    await ada.sends("/guardian/devices", name="own", profile="mia", known=SHARED)
    mia = Browser(site, client, SHARED)
    await mia.sends("/device")
    page = await mia.opens("/")
    assert LATER in page
    assert "A browser on <bdi>tablet</bdi> already shows your pages." in page
    assert "nobody else can pass as you" not in page
    await taken.sends("/device/object")
    assert LATER in await taken.opens("/")
    assert "I do not know this" in await mia.opens("/")
    await mia.sends("/device/object")
    site.home.leap(DAY + 1)
    await taken.opens("/me/data.json", 403)
    await mia.opens("/me/data.json", 403)


async def test_a_first_browser_that_is_objected_to_no_longer_counts(
    ada: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/devices", name="tablet", profile="mia", known=ADAS)
    taken = Browser(site, client, ADAS)
    await taken.sends("/device")
    await ada.sends("/guardian/devices", name="own", profile="mia", known=SHARED)
    mia = Browser(site, client, SHARED)
    await mia.sends("/device")
    await mia.sends("/device/object")
    await taken.opens("/me/data.json", 403)
    assert "nobody else can pass as you" in await mia.opens("/")
    site.home.leap(DAY)
    await mia.opens("/me/data.json")


async def test_after_the_first_day_a_childs_page_says_why_it_waits(
    ada: Browser, site: Site, client: Client
) -> None:
    site.home.leap(DAY)
    await ada.logs_in()
    await ada.sends("/guardian/devices/mia-phone/change", known=f"{ADDRESSES['mia']} {SHARED}")
    mia = Browser(site, client, SHARED)
    await mia.sends("/device")
    page = await mia.opens("/")
    assert LATER in page
    assert "So nobody else can pass as you. You can ask for things already." in page


# --- Ada adds her own telephone to Tom's device ---------------------------------------------------


async def test_ada_does_not_consent_as_tom_from_her_own_telephone(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await give_tom_adas_address(ada)
    await ada.sends("/guardian/devices/tom-phone/let-in")
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    asked = await asked_to_consent(ada, site)
    page = await own.opens("/consent")
    assert "wants to record" not in page
    await own.sends("/consent/yes", 403, question=asked)
    await own.sends("/consent/no", 403)
    home = await site.store.household("home")
    assert home is not None
    assert all(each.full_log is None for each in home.profiles)
    assert "wants to record" in await tom.opens("/consent"), "Tom himself is asked"


async def test_nor_does_she_read_what_is_shown_to_him_alone(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await give_tom_adas_address(ada)
    await ada.sends("/guardian/devices/tom-phone/let-in")
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    page = await own.opens("/")
    assert BLOCKED not in page
    assert LATER in page
    assert BLOCKED in await tom.opens("/")
    await own.opens("/me/data.json", 403)


async def test_nor_by_unlinking_his_browser_first(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    site.home.leap(8 * DAY)
    await ada.logs_in()
    await give_tom_adas_address(ada)
    site.home.leap(8 * DAY)  # whoever waits for a week was in sight for a week
    await ada.logs_in()
    (his,) = await site.pairings.of("home", "tom-phone")
    await ada.sends(f"/guardian/pairings/{his.id}/revoke", sure="on")
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    site.home.ask("tom", BLOCKED)
    assert BLOCKED not in await own.opens("/")
    assert TOLD in await tom.opens("/")


async def test_nor_on_a_device_that_she_invents_for_him(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/devices", name="Tom's other phone", profile="tom", known=ADAS)
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    asked = await asked_to_consent(ada, site)
    await own.sends("/consent/yes", 403, question=asked)
    assert "said that this device is yours: " in await tom.opens("/")


async def test_nor_does_she_withdraw_or_dispute_what_he_asked(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await tom.sends("/ask", name="toys.example", why="school", words="For the play.")
    (appeal,) = await site.appeals.appeals("home")
    await give_tom_adas_address(ada)
    await ada.sends("/guardian/devices/tom-phone/let-in")
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    await own.sends(f"/ask/{appeal.id}/withdraw", 403)
    path = f"/guardian/appeals/{appeal.id}/decide"
    await ada.sends(path, state="refused", reason="another_way", text="")
    await own.sends(f"/ask/{appeal.id}/disagree", 403, words="")
    (after,) = await site.appeals.appeals("home")
    assert not after.disagreed
    await tom.sends(f"/ask/{appeal.id}/disagree", words="")


# --- what Tom is told, and what he can do ---------------------------------------------------------


@pytest.mark.parametrize("page", ["/", "/rules", "/me", "/check", "/help", "/bad", "/whose"])
async def test_tom_is_told_at_once_and_for_a_week_on_all_his_pages(
    ada: Browser, tom: Browser, site: Site, page: str
) -> None:
    await give_tom_adas_address(ada)
    assert "Ada added an address" in await tom.opens(page)
    site.home.leap(7 * DAY - 1)
    assert TOLD in await tom.opens(page)
    site.home.leap(1)
    assert TOLD not in await tom.opens(page)


async def test_what_is_older_folds_away(ada: Browser, tom: Browser, site: Site) -> None:
    for _ in range(2):
        await ada.sends("/guardian/devices/tom-phone/let-in")
    await ada.sends("/guardian/pins/tom", pin="4711")
    site.home.leap(DAY)  # so that nothing can be objected to
    await ada.logs_in()
    await ada.sends("/guardian/devices", name="Tom's other phone", profile="tom", known=ADAS)

    def told(page: str) -> list[list[str]]:
        """Return the notices that are in sight, and those that are folded, in short."""
        card = page.partition('id="known-by"')[2].partition("</section>")[0]
        shown, _, folded = card.partition("<summary>")
        found = (
            "said that this device is yours",
            "set a PIN",
            "allowed one more browser",
            "added an address",
        )
        return [[each for each in found if f"Ada {each}" in part] for part in (shown, folded)]

    start, other = await tom.opens("/"), await tom.opens("/rules")
    assert [len(each) for each in told(start)] == [1, 2]
    assert [len(each) for each in told(other)] == [0, 3]
    assert start.index('id="now"') < start.index('id="known-by"'), "what applies now comes first"
    assert start.count("Ada allowed one more browser") == 1, "twice the same is one sentence"
    site.home.leap(7 * DAY)
    assert TOLD not in await tom.opens("/")


async def test_his_earlier_browser_is_told_wherever_it_is_now(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await give_tom_adas_address(ada, tom_too=False)
    own = Browser(site, client, ADAS)
    await ada.sends("/guardian/devices/tom-phone/let-in")
    await own.sends("/device")
    page = await tom.opens("/")  # from an address that is nobody's now
    assert TOLD in page
    assert "I do not know this" in page
    await tom.sends("/device/object")
    site.home.leap(2 * DAY)
    assert BLOCKED not in await own.opens("/")


async def test_another_browser_is_told_of_once_and_not_as_seeing_who_looks_for_help(
    ada: Browser, tom: Browser
) -> None:
    await ada.sends("/guardian/devices/tom-phone/let-in")
    start = await tom.opens("/")
    assert TOLD in start
    assert "There was a change to your devices" not in start
    for path in ("/bad", "/help"):
        page = await tom.opens(path)
        assert TOLD in page
        card = page.partition(TOLD)[2].partition("</details>")[0]
        assert "This page stays in your browser's history." in page.partition(TOLD)[0]
        assert "history" not in card, "it stands above all"


async def test_two_notices_of_one_browser_agree_on_what_it_shows_and_when(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/devices/tom-phone/let-in")
    before = await tom.opens("/")
    assert "When it is linked, we tell you here and you can say no." in before
    assert "It then shows your requests from that device." in before
    assert "If you don't say no, a day later it also shows" in before
    assert "I do not know this" not in before, "there is nothing yet to say no to"
    new = Browser(site, client, "tom")
    await new.sends("/device")
    after = await tom.opens("/")
    assert "Anyone who uses it can see your requests from that device." in after
    assert "they can also see everything else that is only for you" in after
    assert "If you do not know this, tap the button." in after


async def test_what_tom_does_not_know_never_counts_as_him(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await give_tom_adas_address(ada)
    await ada.sends("/guardian/devices/tom-phone/let-in")
    own = Browser(site, client, ADAS)
    await own.sends("/device")
    rules = await tom.opens("/rules")
    in_sight = rules.partition('id="known-by"')[2].partition("<summary")[0]
    assert "A new browser was linked to" in in_sight
    assert "I do not know this" in rules
    for _ in range(2):  # twice is harmless
        await tom.sends("/device/object")
    assert "someone at your device said no" in await tom.opens("/")
    site.home.leap(2 * DAY)
    asked = await asked_to_consent(ada, site)
    await own.sends("/consent/yes", 403, question=asked)
    assert "Someone said that they do not know this browser" in await own.opens("/")
    assert "wants to record" in await tom.opens("/consent"), "Tom's own browser still counts"


async def test_a_new_browser_of_his_own_counts_a_day_later(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/devices/tom-phone/let-in")
    new = Browser(site, client, "tom")
    await new.sends("/device")
    asked = await asked_to_consent(ada, site)
    site.home.leap(DAY - HOUR)
    await new.sends("/consent/no", 403)
    site.home.wait(HOUR)
    await new.sends("/consent/yes", question=asked)
    assert AGREED in await new.opens("/consent")


async def test_his_first_browser_counts_at_once_where_nobody_changed_anything(
    ada: Browser, site: Site, client: Client
) -> None:
    asked = await asked_to_consent(ada, site)
    his = Browser(site, client, "tom")
    await his.sends("/device")
    await his.sends("/consent/yes", question=asked)
    assert AGREED in await his.opens("/consent")


async def test_mia_reads_it_in_her_own_words(ada: Browser, site: Site, client: Client) -> None:
    mia = Browser(site, client, "mia")
    known = f"{ADDRESSES['mia']} {ADAS}"
    await ada.sends("/guardian/devices/mia-phone/change", known=known)
    page = await mia.opens("/")
    assert "Ada said that another device is yours." in page
    assert "address" not in re.sub(r"<[^>]*>", "", page)


async def test_a_stranger_reads_nothing_of_it_and_changes_nothing(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/pins/tom", pin="4711")
    stranger = Browser(site, client, "192.0.2.200")
    assert TOLD not in await stranger.opens("/")
    await stranger.sends("/device/object")
    assert "said no" not in await tom.opens("/")


# --- a PIN ----------------------------------------------------------------------------------------


async def test_a_pin_that_ada_set_is_told_and_counts_a_day_later(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/pins/tom", pin="4711")
    assert "Ada set a PIN for you" in await tom.opens("/")
    site.home.leap(DAY - 4 * HOUR)
    there = Browser(site, client, SHARED)
    await there.sends("/whose/pin", name="Tom", pin="4711")
    await put_guests_in_force(site)
    await there.opens("/me/data.json", 403)
    site.home.wait(4 * HOUR - 1)
    await there.opens("/me/data.json", 403)


async def test_what_is_done_with_a_pin_says_so(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/pins/tom", pin="4711")
    site.home.leap(DAY)
    there = Browser(site, client, SHARED)
    await there.sends("/whose/pin", name="Tom", pin="4711")
    await put_guests_in_force(site)
    await there.opens("/me/data.json")
    await text(client, "/ask")
    page = await send(client, "/ask", name="toys.example", why="school", words="Please.")
    assert "with a PIN that a parent or carer set" in page
    (appeal,) = await site.appeals.appeals("home")
    said = await ada.opens(f"/guardian/appeals/{appeal.id}")
    assert "typed the PIN that a guardian set" in said
    assert "was made with a PIN from a guardian" in await ada.opens("/guardian/changes")


async def test_before_that_what_is_asked_with_it_is_not_his(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    """Ada set the PIN a moment ago, and types it herself."""
    await tom.sends("/ask", name="toys.example", why="game")
    await ada.sends("/guardian/pins/tom", pin="4711")
    there = Browser(site, client, SHARED)
    await there.sends("/whose/pin", name="Tom", pin="4711")
    await put_guests_in_force(site)
    page = await send(client, "/ask", name="toys.example", words="Ada is so kind to me.")
    assert "Nobody has looked at it yet." in page, "as for what he did not ask for"
    found = await site.appeals.appeals("home", profile="tom")
    assert {(each.ask.words, each.ask.paired) for each in found} == {
        ("", True),
        ("Ada is so kind to me.", False),
    }
    assert "was made with a PIN from a guardian" in await ada.opens("/guardian/changes")


async def test_a_pin_that_tom_does_not_know_never_counts(
    ada: Browser, tom: Browser, site: Site, client: Client
) -> None:
    await ada.sends("/guardian/pins/tom", pin="4711")
    await tom.sends("/device/object")
    site.home.leap(2 * DAY)
    there = Browser(site, client, SHARED)
    await there.sends("/whose/pin", name="Tom", pin="4711")
    await put_guests_in_force(site)
    await there.opens("/me/data.json", 403)

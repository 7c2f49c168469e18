"""A child sees at least what a guardian sees about it, page by page.

Everything that a house can hold about Mia is written with a mark that stands nowhere else.  Each
page of the desk, and each operation of the API, that shows a mark shows something about her: the
same mark is on a page of hers, or in her file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from copdns.accounts.account import Account, GuestKind, ViewedPart, with_guests
from copdns.accounts.roles import Actor, Role
from copdns.appeals.appeal import AppealKind, AppealRequest, ContestedVerdict
from copdns.model.household import Band, Device, FullLogSpan, PrivacyMode
from copdns.model.matchers import parse_matcher
from copdns.model.times import Bonus, Budget, Grant, PauseSpan, Schedule, Ticket
from copdns.model.verdict import Action, Reason
from copdns.privacy.consent import Question
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.household_db.proposals import Proposal
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import Minutes, Usage
from copdns.time.schedule import parse_slots
from tests.home import Home
from tests.household import ADA, ADDRESSES, MIA, NOW, TOM, block, family
from tests.web.access import desk_routes
from tests.web.guardians import log_in, set_up
from tests.web.site import HTML, Client, Site, send, text

AT = int(NOW)
TODAY = date(2026, 3, 29)
BORROWED = "192.0.2.201"  # a device that is hers for a while
HERS = ("/", "/rules", "/me", "/me/data.json", "/bad")

# Lines of the audit about her, with marks for authors; the last are of others.
LINES = {
    "markline-device": "a device added for mia",
    "markline-moved": "device mia-phone changed: now mia's",
    "markline-break": (
        "device mia-phone: everything but viruses and scam sites allowed until 20:00"
    ),
    "markline-unbreak": "device mia-phone: the test of the filter ended",
    "markline-homes": "two homes for mia: agreed",
    "markline-mac": "device mia-phone has a new MAC address",
    "markline-while": "a device is mia for a while",
    "markline-browser": "mia-phone: another browser can be linked",
    "markline-unpaired": "mia-phone: a linked browser was removed",
    "markline-pin": "mia: PIN set",
    "markline-pause": "mia paused until 2026-03-29 20:00",
    "markline-unpause": "pause of mia ended",
    "markline-more": "15 more minutes for mia (bonus)",
    "markline-bonus": "bonus of 15 minutes of mia-day for mia on 2026-03-29",
    "markline-grant": "mia may have chess.example until 2026-03-29T20:00:00Z (content)",
    "markline-tickets": "3 tickets of 30 minutes created for mia",
    "markline-redeemed": "ticket redeemed by mia",
    "markline-asked": "full log of 3 days requested from mia",
    "markline-rule": "rule removed: block markgone.example for mia",
    "markline-set": "profile mia set: privacy counts",
    "markline-erased": "profile mia: records deleted (lookups, minutes, requests)",
    "markline-times": "times suggested for 7-9 applied for mia",
    "markline-old": "rule added: block old.example for mia",
}
OTHERS = {
    "otherline-rule": "rule added: block toms.example for tom",
    "otherline-pin": "tom: PIN set",
    "otherline-device": "a device added for tom",
}
# Between guardians, about what one of them wants: what came of it is among her rules.
THEIR_OWN = {"markdispute"}


def house() -> Home:
    """Return a house that has everything about Mia."""
    mia = replace(
        MIA,
        tags=frozenset({"children", "marktag"}),
        always=(parse_matcher("markalways.example"),),
        homework=(parse_matcher("markhomework.example"),),
        privacy=PrivacyMode.BLOCKED,
    )
    phone = ("192.0.2.8",), ("02:00:00:00:00:88",)
    devices = (
        Device("mia-phone", "markdevice", "mia", *phone),
        Device("tom-phone", "Tom's phone", "tom", (ADDRESSES["tom"],)),
    )
    every_name = None
    return Home(
        family(
            mia,
            TOM,
            ADA,
            devices=devices,
            rules=(
                replace(block("markrule.example", "mia"), id="r1", note="marknote"),
                replace(block("marktagged.example", "#marktag"), id="r2", note="marktagnote"),
                replace(block("markall.example", ""), id="r3", note="markallnote"),
            ),
            schedules=(
                Schedule("mia-bed", "mia", parse_slots("daily 21:00-07:00"), note="markbed"),
            ),
            budgets=(Budget("mia-day", "mia", (("daily", 613),), note="markbudget"),),
            pauses=(PauseSpan("mia", AT - 60, AT + 7 * 3600, author="markpauser"),),
            grants=(
                Grant(
                    *(every_name, AT - 60, AT + 3600, AT - 60),
                    id="g1",
                    profile="mia",
                    author="markgranter",
                    note="markgrant",
                ),
            ),
            bonuses=(Bonus("b1", "mia", "mia-day", TODAY, 37, author="markgiver", at=AT),),
            tickets=(
                Ticket(
                    *("t1", "d" * 64, 30, AT, AT + 90_000, "mia"),
                    label="markticket",
                    author="markprinter",
                ),
            ),
        )
    )


async def fill(client: Client, site: Site) -> None:
    """Keep what happened to her."""
    await set_up(site)
    await log_in(client)
    await send(client, "/device")
    rest = (1, "block", "rule", "", "", "", "markrule.example", "")
    site.log.add(LogRow(AT - 600, "home", "mia", "mia-phone", "markrow.example", *rest))
    site.log.count(CountKey("home", "mia", AT // 3600, "block", "category", "games"), 4711)
    site.log.flush()
    usage = Usage("home", "mia", "mia-day", TODAY, AT - 3600, minutes=Minutes(211, 223, 227))
    UsageStore(site.folder).save([usage])
    to = ContestedVerdict(Action.BLOCK, Reason.RULE, rule="markrule.example")
    ask = AppealRequest(
        "mia", "mia-phone", AppealKind.NAME, to, name="markasked.example", words="markwords"
    )
    filed = await site.appeals.file("home", ask, AT)
    decide = f"/guardian/appeals/{filed.appeal.id}/decide"
    await send(client, decide, state="refused", reason="another_way", text="markanswer")
    looker = await set_up(site, "marklooker", Role.GUARDIAN)
    actor = Actor("home", looker.id, "marklooker", Role.GUARDIAN)
    await site.looks.note(actor, "mia", ViewedPart.LOG, AT)
    await site.accounts.add(Account("home", "", "markaccount", Role.CHILD, "mia"), None, AT)
    since = AT + 9 * 86_400
    await site.context.proposals.propose(
        Proposal("home", "mia", Band.TO_12, since, "markproposer", AT)
    )
    await site.guests.approve("home", GuestKind.GUEST, BORROWED, "mia", "marklender", AT)
    await site.thread.write(_lines)


def _lines(connection: sqlite3.Connection) -> None:
    change = (
        "insert into change (household, revision, at, author, what) values ('home', 1, ?, ?, ?)"
    )
    for author, what in (LINES | OTHERS).items():
        at = AT - 90 * 86_400 if author.endswith("old") else AT
        connection.execute(change, (at, author, what))
    connection.execute(
        """
        insert into notice (household, kind, about, author, at, starts, ends, told)
        values ('home', 'guardians disagree', 'mia', 'markdispute', ?, 0, 0, 1)
        """,
        (AT,),
    )


MARKS = (
    *("markdevice", "192.0.2.8", "02:00:00:00:00:88", "markrule.example", "marknote", "marktag"),
    *("marktagged.example", "marktagnote", "markall.example", "markallnote", "markbed"),
    *("markbudget", "613", "markalways.example", "markhomework.example", "markpauser"),
    *("markgranter", "markgrant", "37", "markgiver", "markticket", "markprinter"),
    *("markrow.example", "4711", "211", "223", "227", "markasked.example", "markwords"),
    *("markanswer", "marklooker", "markaccount", "markproposer", BORROWED, "marklender"),
    *("markgone.example", "markdispute"),
    *LINES,
)


@pytest.fixture
def site() -> Site:
    return Site(house())


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with site.visited() as made:
        await fill(made, site)
        guests = await site.guests.of("home", site.now)
        stored = await site.store.household("home")
        assert stored is not None
        site.home.change(with_guests(stored, guests, site.now))
        yield made


def marks_in(page: str) -> set[str]:
    """Return the marks that a page has; "1,234" is a number of people."""
    plain = page.replace("4,711", "4711")
    return {each for each in MARKS if each in plain}


async def of_guardians(client: Client, site: Site) -> dict[str, set[str]]:
    """Return the marks that guardians see, by page or operation."""
    (appeal,) = await site.appeals.appeals("home")
    filled = {"person": "mia", "profile": "mia", "appeal": appeal.id, "device": "mia-phone"}
    found = {}
    for route in desk_routes():
        if route.changes or route.path.endswith(("/events", "/live")):
            continue
        reply = await client.get(route.at(filled), headers=HTML)
        found[str(route)] = marks_in(await reply.text())
    # What is taken along from the desk.
    found["the file"] = marks_in(await send(client, "/guardian/people/mia/export"))
    return found


async def test_page_by_page(client: Client, site: Site) -> None:
    shown = await of_guardians(client, site)
    hers = marks_in("".join([await text(client, each) for each in HERS]))
    missing = {page: sorted(marks - hers - THEIR_OWN) for page, marks in shown.items()}
    assert {page: marks for page, marks in missing.items() if marks} == {}


async def test_the_comparison_sees_what_guardians_see(client: Client, site: Site) -> None:
    """Or a page that shows nothing here would prove nothing."""
    shown = await of_guardians(client, site)
    assert set(MARKS) - set().union(*shown.values()) == set()
    for page in ("GET /guardian/log", "GET /guardian/numbers", "GET /guardian/changes"):
        assert shown[page], page


def happened(page: str, row: re.Pattern[str]) -> dict[str, str]:
    """Return what is told of something, by what it is: a name, or why it was closed."""
    return {what: " ".join(without_tags(told).split()) for what, told in row.findall(page)}


def without_tags(told: str) -> str:
    return re.sub("<[^>]*>", "", told)


def to_guardians(told: str) -> str:
    """Return what is told to a child in the words for its guardians."""
    return told.replace("can message you", "can message a child")


IN_THE_LOG = re.compile(
    r'<bdi class="name">(.*?)</bdi>.*?<span class="word s-\w+">(.*?)</span></div>', re.DOTALL
)
AMONG_HERS = re.compile(
    r'<bdi(?: class="name")? dir="ltr">([^<]*)</bdi>(?:</td><td>|<span class="reason">)'
    r"(.*?)</(?:td|span)>",
    re.DOTALL,
)

# As many as a page shows: a house is filled for each group of them.
A_FEW = [tuple(Reason)[at : at + 4] for at in range(0, len(Reason), 4)]


@pytest.mark.once
@pytest.mark.parametrize("band", [Band.TO_9, Band.TO_15])
@pytest.mark.parametrize("reasons", A_FEW, ids=", ".join)
async def test_why_a_site_was_closed_is_told_as_to_guardians(
    client: Client, site: Site, reasons: Sequence[Reason], band: Band
) -> None:
    """Small children read it without the list and the rule."""
    of_age = [
        replace(each, band=band) if each.id == "mia" else each for each in site.home.house.profiles
    ]
    site.home.change(replace(site.home.house, profiles=tuple(of_age)))
    by = {
        "": ("", "", "", "", ""),
        "category": ("games", "", "starter-games", "", "led.example"),
        "service": ("", "tiktok", "", "videos.example", ""),
    }
    names = set()
    for reason, (what, (category, service, *rest)) in product(reasons, by.items()):
        row = ("home", "mia", "", f"{reason}-{what}.example", 1, "block", reason)
        site.log.add(LogRow(AT - 300, *row, category, service, *rest))
        names.add(f"{reason}-{what}.example")
    site.log.flush()
    theirs = happened(await text(client, "/guardian/log?person=mia"), IN_THE_LOG)
    hers = happened(await text(client, "/me"), AMONG_HERS)
    assert names <= set(hers) == set(theirs)
    between = " · " if band is Band.TO_15 else ": "
    for name, told in hers.items():
        _, *why = re.split(f"{re.escape(between)}| · ", told)
        # A guardian reads whose it is, and not the list that is called after the category.
        why = [to_guardians(each) for each in why if each != "by the starter list"]
        assert f"{theirs[name]} · ".startswith(" · ".join(("Blocked for Mia", *why)) + " · ")
    for name in set(hers) - {"markrow.example"}:
        assert re.fullmatch(f"blocked{between}[^_]+", hers[name]), "in words, with the reason"


FOR_GUARDIANS = re.compile(r'<th scope="row">Mia</th><td>([^<]*[a-z][^<]*)</td><td>(.*?)</td>')
FOR_HER = re.compile('<dt class="part">Of these(?:: |, because )(.*?)</dt><dd>(.*?)</dd>')


async def test_the_month_has_the_same_lines_as_for_guardians(client: Client, site: Site) -> None:
    for more, reason in enumerate(Reason):
        site.log.count(CountKey("home", "mia", AT // 3600, "block", reason, ""), 50 + more)
    site.log.flush()
    theirs = happened(await text(client, "/guardian/month"), FOR_GUARDIANS)
    hers = happened(await text(client, "/month"), FOR_HER)
    # Guardians read which contact is blocked today.
    hers["an app where strangers can send messages"] = hers.pop("people can message you there")
    assert hers == theirs
    assert hers.items() >= {"Games": "4,711", "a schedule": "58", "a pause": "57"}.items()
    assert [each for each in hers if "_" in each] == []


async def test_lines_about_others_are_in_no_file_of_hers(client: Client) -> None:
    hers = "".join([await text(client, each) for each in HERS])
    assert [each for each in OTHERS if each in hers] == []
    assert "toms.example" not in hers


async def test_from_16_on_it_is_told_who_asks_for_a_full_log(client: Client, site: Site) -> None:
    stored = await site.store.household("home")
    assert stored is not None
    teen = replace(stored.profiles[0], band=Band.TO_17, full_log=FullLogSpan(AT, AT + 1))
    site.home.change(replace(stored, profiles=(teen, *stored.profiles[1:])))
    question = Question("home", "mia", 3, "markasker", AT, refused=AT)
    await site.thread.write(
        lambda connection: connection.execute(
            "insert into full_log_question values (?, ?, ?, ?, ?, ?)", question
        )
    )
    assert "markasker" in await text(client, "/me/data.json")

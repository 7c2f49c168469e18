"""Who tries to get round what copdns promises, how, and what stops them.

Ada looks after Mia, who is 8, and Tom, who is 17; Ben is their other guardian, and Rita is a friend
of the family who answers requests.  Bo is a stranger.  Each test is the story of one attempt, told
in what the people do: they look names up, open pages, press buttons and run commands.

The program that is attacked may be that of another version (CONTRIBUTING.md), so nothing here
imports copdns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.attackers import (
    ADDRESS,
    DAY,
    MINUTE,
    Answer,
    Home,
    Person,
    eventually,
    home_of,
    listening,
)
from tests.e2e.visitor import PASSWORD, Visitor, set_up

pytestmark = pytest.mark.tools

# Their devices.
MIAS, TOMS, ADAS, BENS, RITAS, BOS = (f"127.0.0.{number}" for number in (1, 2, 3, 4, 5, 66))

FAMILY = {
    "id": "home",
    "household": "Example family",
    "timezone": "Europe/London",
    "profiles": {
        "mia": {
            "name": "Mia",
            "preset": "7-9",
            "devices": {"mia-tablet": {"name": "Mia's tablet", "addresses": [MIAS]}},
            "block": ["toys.example", "puzzles.example"],
            "budgets": {"puzzles": {"about": ["puzzles.example"], "minutes": 30}},
        },
        "tom": {
            "name": "Tom",
            "preset": "16-17",
            "devices": {"tom-phone": {"name": "Tom's phone", "addresses": [TOMS]}},
            "block": ["toys.example"],
            "schedules": {"cinema": {"closed": "15:00-16:00", "about": ["service:films"]}},
        },
    },
    "own_services": {"films": {"title": "Films", "names": ["films.example"]}},
}
TIME = "/guardian/time/mia"  # on the dashboard
PAGE = 4096  # octets of a page of a file of SQLite
# What a careless list said of resolvers; iCloud and Yahoo Mail stand behind these names.
LIST = "resolver.example\napple-dns.net\nyahoodns.net\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    careless = folder / "resolvers.txt"
    careless.write_text(LIST)
    form = {"category": "bypass", "format": "domains", "match": "subtree"}
    lists = [{"slug": "resolvers", "path": str(careless), **form}]
    with home_of(folder, FAMILY, {"lists": lists}) as found:
        set_up(found.program, Visitor(ADAS))
        yield found


@pytest.fixture(scope="module")
def mia(home: Home) -> Person:
    """Mia at her tablet, whose browser is known as hers."""
    return home.person(MIAS).open("/").press("/device")


@pytest.fixture(scope="module")
def tom(home: Home) -> Person:
    """Tom at his telephone, whose browser is known as his."""
    return home.person(TOMS).open("/").press("/device")


@pytest.fixture
def ada(home: Home) -> Person:
    """Ada, who just logged in."""
    return home.person(ADAS).log_in("Ada")


@pytest.fixture(scope="module")
def ben(home: Home) -> Person:
    return let_in(home, "Ben", "guardian")


@pytest.fixture(scope="module")
def rita(home: Home) -> Person:
    return let_in(home, "Rita", "reviewer")


def let_in(home: Home, name: str, role: str) -> Person:
    """Make an account by a command; return whoever it is for, with the account for their own."""
    person = home.person(BENS if name == "Ben" else RITAS)
    person.shown = home.command("account", "add", name, "--role", role)
    return person.join(person.code, PASSWORD)


# --- a curious brother ----------------------------------------------------------------------------


def test_a_brother_does_not_find_out_that_his_sister_looked_for_help(home: Home) -> None:
    """Mia looks up a helpline.

    Her brother asks, for that helpline and for another one, "do you know this name already?".  A
    server that remembers what was asked would say yes to the one and no to the other, and how long
    ago it was.
    """
    home.ask(MIAS, "childline.org.uk")
    looked_for = home.ask(TOMS, "childline.org.uk", only_if_known=True)
    never_looked_for = home.ask(TOMS, "147.ch", only_if_known=True)
    assert looked_for == never_looked_for


def test_nor_which_other_sites_she_looked_up(home: Home) -> None:
    """Mia looks up a site, and her brother asks whether it is known already."""
    home.ask(MIAS, "book.example")
    looked_up = home.ask(TOMS, "book.example", only_if_known=True)
    never_looked_up = home.ask(TOMS, "story.example", only_if_known=True)
    assert looked_up == never_looked_up


# --- a guardian who pretends to be Tom ------------------------------------------------------------


@pytest.fixture(scope="module")
def pretender(home: Home, tom: Person) -> Person:
    """Ada's own telephone, which she makes count as Tom's.

    She adds its address to Tom's device, lets one more browser in, and says "this is my device".
    """
    assert tom.open("/").status == 200  # he was there before
    telephone = home.person("127.0.0.77")
    known = f"{TOMS} {telephone.browser.address}"
    ada = home.person(ADAS).log_in("Ada")
    ada.open("/guardian/devices").press(".*/tom-phone/change", known=known)
    ada.open("/guardian/devices").press(".*/tom-phone/let-in")
    eventually(lambda: telephone.open("/").has("/device"))
    return telephone.press("/device")


def test_a_guardian_does_not_read_what_is_shown_to_tom_alone(
    home: Home, tom: Person, pretender: Person
) -> None:
    """What was blocked for Tom, the page says, is shown to him alone."""
    home.ask(TOMS, "secret.toys.example")
    assert "secret.toys.example" in tom.open("/").reads
    assert "secret.toys.example" not in pretender.open("/").reads


def test_a_guardian_does_not_say_yes_in_toms_name(
    ada: Person, tom: Person, pretender: Person
) -> None:
    """From 16 on nobody may record all sites that Tom opens, unless he says yes.

    Ada asks for it, and says yes herself, on her own telephone.
    """
    ada.open("/guardian/people/tom/kept").press(".*/tom/full-log", days="2")
    asked = tom.open("/consent").form("/consent/yes")
    pretender.send("/consent/yes", **asked.fields)
    assert pretender.status == 403, "the program took her yes for his"
    assert tom.open("/consent").has("/consent/yes"), "he is still asked"


def test_tom_is_told_at_once_and_can_say_no(home: Home, tom: Person, pretender: Person) -> None:
    """Every page of Tom's says what Ada did, and he says that this is not his.

    From then on it never counts as him, however long Ada waits.
    """
    assert "Ada added an address" in tom.open("/rules").reads
    tom.press("/device/object")
    home.wait(2 * DAY)
    home.ask(TOMS, "diary.toys.example")
    assert "diary.toys.example" in tom.open("/").reads
    assert "diary.toys.example" not in pretender.open("/").reads


# --- a thief of a cookie --------------------------------------------------------------------------

# By what the thief wants: the page, the button there, and what he fills in.
GRAVE: dict[str, tuple[str, str, dict[str, str]]] = {
    "makes an account of his own": (
        "/guardian/accounts",
        "/guardian/accounts",
        {"name": "Bo", "role": "guardian"},
    ),
    "takes the account of somebody else": ("/guardian/accounts", ".*/accounts/[^/]+/code", {}),
    "takes a copy of all about Mia": ("/guardian/people/mia/kept", ".*/export", {}),
    "has every site of Mia recorded": (
        "/guardian/people/mia/kept",
        ".*/full-log",
        {"days": "2"},
    ),
    "sends the names of a site elsewhere": (
        "/guardian/names",
        ".*/splits",
        {"name": "work.example", "upstreams": "192.0.2.53"},
    ),
    "erases all about Mia": ("/guardian/people/mia/kept", ".*/erase", {"sure": "on"}),
}


def test_a_thief_of_a_cookie_is_asked_for_the_password(
    home: Home, ada: Person, rita: Person
) -> None:
    """Bo takes Ada's cookie from a browser that she left open.

    Six minutes later he is in the dashboard, as Ada; but whatever opens doors or data asks for her
    password, and he does not know it.
    """
    assert rita.open("/guardian/").status == 200  # she has an account
    home.wait(6 * MINUTE)
    bo = home.person(BOS).steal_from(ada)
    assert bo.open("/guardian/").status == 200, "he is in"
    done = []
    for wish, (page, button, fields) in GRAVE.items():
        bo.open(page).press(button, **fields)
        if bo.status != 403:
            done.append(wish)
    assert not done, f"he {', he '.join(done)}"


# --- a reviewer who opens more than was asked -----------------------------------------------------


def test_a_reviewer_opens_nothing_for_everyone(home: Home, mia: Person, rita: Person) -> None:
    """Rita may answer what Mia asks.  She answers with a rule for the whole family, for good."""
    home.ask(MIAS, "bet365.com")
    mia.open("/ask?name=bet365.com").press("/ask", why="other", words="It is on a mug.")
    request = mia.form("/ask/.*/withdraw").action.split("/")[2]
    rita.log_in("Rita").open("/guardian/inbox").press(f".*/{request}/look")
    rita.press(f".*/{request}/decide", lasts="everyone")
    assert "bet365.com" not in home.command("rule", "list")


# --- a guardian who answers twice -----------------------------------------------------------------


def test_nobody_gives_the_second_opinion_on_their_own_no(
    home: Home, mia: Person, ada: Person, ben: Person, rita: Person
) -> None:
    """Ada says no, Mia still disagrees, and somebody else has to look at it.

    Ada makes a code for the account of Rita, logs in as Rita with a password that she chose, and
    says no again.  Mia must not read that Rita did, and the other guardian is told.
    """
    assert rita.open("/guardian/").status == 200  # she has an account
    mia.open("/ask?name=toys.example").press("/ask", why="school", words="For the play.")
    request = mia.form("/ask/.*/withdraw").action.split("/")[2]
    say_no(ada, request)
    mia.open(f"/ask/{request}").press(".*/disagree", words="Please!")

    listed = json.loads(home.command("account", "list", "--json"))
    (ritas,) = (each["id"] for each in listed if each["name"] == "Rita")
    code = ada.open("/guardian/accounts").press(f".*/{ritas}/code").code
    false_rita = home.person(ADAS).join(code, "nine brown teapots")
    say_no(false_rita, request)

    assert "Rita" not in mia.open(f"/ask/{request}").reads
    ben.log_in("Ben").open("/guardian/notices")
    assert "a new password for Rita" in ben.reads, "Ben is told of the code"


def say_no(guardian: Person, request: str) -> None:
    guardian.open("/guardian/inbox")
    guardian.send(f"/guardian/appeals/{request}/look")
    fields = {"state": "refused", "reason": "another_way", "text": "No."}
    guardian.send(f"/guardian/appeals/{request}/decide", **fields)


# --- a guardian who looks in secret ---------------------------------------------------------------


def test_nobody_sends_the_names_of_half_the_internet_to_a_logger(home: Home, ada: Person) -> None:
    """Ada has every name that ends in .com looked up by a server that writes them all down."""
    with listening() as logger:
        send_names(ada, "com", logger.port)
        send_names(ada, "work.example", logger.port)
        # This one is fine; when it goes there, the other would, too.
        eventually(lambda: home.ask(TOMS, "work.example") and "work.example" in logger.asked)
        home.ask(TOMS, "news.com")
        assert "news.com" not in logger.asked
        ada.open("/guardian/names").press(".*/splits/work.example/remove")


def test_where_names_go_is_told_to_whom_it_concerns(home: Home, ada: Person, tom: Person) -> None:
    """Ada sends the names of one site elsewhere; Tom reads which ones, and to which server."""
    with listening() as logger:
        send_names(ada, "office.example", logger.port)
        eventually(lambda: home.ask(TOMS, "office.example") and "office.example" in logger.asked)
        port, page = logger.port, tom.open("/me").reads
        ada.open("/guardian/names").press(".*/splits/office.example/remove")
    assert "office.example" in page
    assert f"127.0.0.1:{port}" in page


def send_names(guardian: Person, name: str, port: int) -> None:
    guardian.open("/guardian/names")
    guardian.press(".*/splits", name=name, upstreams=f"127.0.0.1:{port}", anyway="on")


# --- blocks without their reason ------------------------------------------------------------------


def test_what_is_blocked_because_strangers_write_there_says_so(
    home: Home, mia: Person, ada: Person
) -> None:
    """Nobody chose to block Roblox: Mia's age does, since strangers can write to children there.

    Her device, her page, her guardian's page and the command are asked why it is blocked.
    """
    answer = home.ask(MIAS, "roblox.com")
    assert answer.data == ()
    eventually(lambda: "roblox.com" in ada.open("/guardian/log").reads)
    told = {
        "the answer": answer.says,
        "Mia's page": mia.open("/check?name=roblox.com").reads,
        "her guardian's page": ada.reads,
        "the command": home.command("check", "roblox.com", "--profile", "mia"),
    }
    silent = [
        which
        for which, text in told.items()
        if not re.search("contact|write to you|messages?\\b", text)
    ]
    assert not silent, f"it says just “{answer.says}”, and so do {', '.join(silent)}"


# --- a damaged disk -------------------------------------------------------------------------------


def test_a_page_of_the_household_that_the_disk_spoilt_does_not_cut_off_help(
    tmp_path: Path,
) -> None:
    """The disk spoils one page of the file that holds the household.

    The next morning the program starts all the same: helplines are answered, the rules hold, and it
    says what is wrong.
    """
    with home_of(tmp_path, FAMILY) as before:
        before.command("rule", "add", "block", "confirmed.example")
        before.program.stop()
    file = tmp_path / "data" / "household.db"
    file.write_bytes(bytes(PAGE) + file.read_bytes()[PAGE:])
    with home_of(tmp_path, FAMILY) as after:
        assert after.ask(MIAS, "childline.org.uk").data == (ADDRESS,)
        assert after.ask(MIAS, "confirmed.example").data == ()
        assert "damaged" in after.person(ADAS).open("/readyz").shown


# --- a careless list ------------------------------------------------------------------------------


def test_a_careless_list_does_not_cut_off_icloud_and_yahoo_mail(home: Home) -> None:
    """A list of resolvers has two names that iCloud and Yahoo Mail lead to, and Mia loses both."""
    home.internet.leads["www.icloud.com"] = "www.apple-dns.net"
    home.internet.leads["mail.yahoo.com"] = "edge.yahoodns.net"
    assert home.ask(MIAS, "resolver.example").data == (), "the list is in force"
    names = ("www.icloud.com", "mail.yahoo.com", "www.apple-dns.net", "edge.yahoodns.net")
    lost = [name for name in names if not home.ask(MIAS, name).data]
    assert not lost, f"Mia has lost {', '.join(lost)}"


# --- ends that nobody told ------------------------------------------------------------------------


def test_no_answer_is_kept_past_the_end_of_what_it_leads_to(home: Home) -> None:
    """A site leads to a server of Films, which closes for Tom at 15:00.

    Half a minute before, his device gets an answer, and may not keep it for longer than that.
    """
    home.internet.leads["school.example"] = "cdn.films.example"
    home.wait_until("14:59:30")
    answer = home.ask(TOMS, "school.example")
    assert answer.data == ("cdn.films.example.", ADDRESS)
    assert max(answer.ttls) <= 30


def test_the_end_of_fifteen_more_minutes_is_warned_of(home: Home, mia: Person) -> None:
    """Ada gives Mia 15 minutes more in the middle of a time when the internet is off."""
    home.wait_until("10:05:00")
    ada = home.person(ADAS).log_in("Ada").open("/guardian/time/mia")
    ada.press(".*/mia/schedules", name="Off", start0="10:00", end0="12:00")
    eventually(lambda: not is_open(home.ask(MIAS, "other.example")))
    ada.open("/guardian/time/mia").press(".*/mia/more", minutes="15")
    eventually(lambda: is_open(home.ask(MIAS, "other.example")))
    home.wait(15 * MINUTE - 24)
    page = mia.open("/").reads
    ada.open("/guardian/time/mia").press(".*/schedules/off/remove")
    assert re.search(r"\bin 1 minute\b", page), page


def test_what_ends_a_yes_first_is_said_before_and_after_it(home: Home, mia: Person) -> None:
    """Mia asks for a site for an hour, and a limit of hers leaves 30 minutes a day for it."""
    home.wait_until("13:00:00")
    ada = home.person(ADAS).log_in("Ada")
    mia.open("/ask?name=puzzles.example").press("/ask", why="game", wanted="1h")
    request = mia.form("/ask/.*/withdraw").action.split("/")[2]
    ada.open("/guardian/inbox").press(f".*/{request}/look")
    told = {"Ada, before it": ada.reads}
    ada.press(f".*/{request}/decide")  # the first form is the one to say yes with
    eventually(lambda: is_open(home.ask(MIAS, "puzzles.example")))
    told["Mia, after it"] = mia.open(f"/ask/{request}").reads
    silent = [who for who, page in told.items() if not re.search("30 (more )?minutes", page)]
    assert not silent, f"who does not read it: {', '.join(silent)}"


def is_open(answer: Answer) -> bool:
    return bool(answer.data)


# --- a helpful button -----------------------------------------------------------------------------


def test_what_ada_set_stays_when_she_uses_the_suggested_times(home: Home, ada: Person) -> None:
    """Ada uses the times that are suggested for Mia's age, and later gives her more for games.

    She sets a limit of her own as well, and presses the button of the suggested times again, to see
    what it does.  What she set is still there.
    """
    ada.open(TIME).press(".*/suggest")
    more = {f"{field}{line}": "" for field in ("day", "minutes") for line in range(5)}
    ada.open(TIME).press(".*/budgets/mia-games", **more | {"day0": "daily", "minutes0": "90"})
    ada.open(TIME).press(".*/budgets", name="All", day0="daily", minutes0="600")
    before = limits(ada)
    assert before["mia-games"] == "90"
    if ada.has(".*/suggest"):
        ada.press(".*/suggest")
    assert limits(ada) == before
    for each in ("budgets/mia-games", "budgets/all", "schedules/mia-bedtime"):
        ada.open(TIME).press(f".*/{each}/remove")


def limits(guardian: Person) -> dict[str, str]:
    """Return Mia's limits, by name, with the minutes of their first line."""
    forms = guardian.open(TIME).forms(".*/budgets/[^/]+")
    return {each.action.rpartition("/")[2]: each.fields["minutes0"] for each in forms}

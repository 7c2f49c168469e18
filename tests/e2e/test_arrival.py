"""From the link that a provider's portal signs to a dashboard that works, and a name it blocks."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from copdns.provider.law.edits import describe_operator
from copdns.provider.law.events import PortalKeySet, TenantAdded
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.role_grants import RoleDuty
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import OPEN, ProviderNode, provider_node, session
from tests.e2e.started import started
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.e2e.visitor import PASSWORD, Page, Visitor
from tests.postgres_server import PostgresServer
from tests.reading import has_word
from tests.running import COPDNS, PATIENCE, free_port

pytestmark = pytest.mark.tools

PORTAL = OKPKey.generate_key("Ed25519")
ADA, BO = "127.0.0.21", "127.0.0.22"  # lines of two subscribers
DATING = "parship.de"  # of the bundled lists, as are those that guests at home do not reach
MALWARE = "crypto-loot.com"
CARRIER = "mnc001.mcc208.pub.3gppnetwork.org"
UNCHOSEN = "pornhub.com", "bet365.com", "use-application-dns.net"
RULES_ARE_OFF = "Right now these rules are turned off."
WRONG = "This code is wrong or has expired"


@dataclass
class Provider:
    """node: of the subscribers.  door, staff: origins of the program that portals ask, and of that
    of the staff; each program connects as a role of its own."""

    node: ProviderNode
    door: str
    staff: str

    @property
    def families(self) -> str:
        return f"http://127.0.0.1:{self.node.home.program.web_port}"

    def link(self, line: str, name: str) -> str:
        """Return a link that a portal signed for a line, which nobody used."""
        now = int(time.time())
        claims = {"iss": "north", "sub": line, "aud": self.door, "name": name, "jti": f"{line}-1"}
        return jwt.encode(
            {"alg": "Ed25519"},
            {**claims, "iat": now, "exp": now + 60},
            PORTAL,
            algorithms=["Ed25519"],
        )

    def arrive(self, line: str, name: str) -> dict[str, str]:
        """Return what the portal is told for a link that it signs for a line."""
        asked = Request(
            f"{self.door}/arrive",
            json.dumps({"link": self.link(line, name)}).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(asked, timeout=PATIENCE) as reply:
            found: dict[str, str] = json.load(reply)
        return found

    def give_line(self, line: str, household: str, address: str) -> None:
        assert self.node.tell("/v1/lines", [{"line": line, "household": household}]) == 204
        assert self.node.tell("/v1/sessions", [session(line, address)]) == 204

    def open(self, visitor: Visitor, path: str) -> Page:
        return visitor.open(self.node.home.program, path)

    def send(self, visitor: Visitor, path: str, **fields: str) -> Page:
        return visitor.send(self.node.home.program, path, **fields)

    def join(self, visitor: Visitor, code: str) -> Page:
        fields = {"code": code, "password": PASSWORD, "again": PASSWORD}
        return self.send(visitor, "/guardian/join", **fields)


@pytest.fixture(scope="module")
def provider(
    tmp_path_factory: pytest.TempPathFactory,
    server: PostgresServer,  # noqa: F811
) -> Iterator[Provider]:
    with closing(psycopg.connect(server.conninfo, autocommit=True)) as connection:
        connection.execute("drop schema if exists copdns cascade")
    open_provider(server.conninfo).close()
    folder = tmp_path_factory.mktemp("provider")
    with ExitStack() as stack:
        apart = [{"name": "wifi", "networks": ["127.0.9.0/24"]}]
        node = stack.enter_context(provider_node(folder, server, apart))
        public = str(PORTAL.as_dict(private=False)["x"]).replace("-", "+").replace("_", "/") + "="
        operator = describe_operator("A provider", "FR", "contact@provider.example")
        with closing(PostgresPool(server.conninfo, most=1)) as pool:
            register = RegisterStore(pool, ProviderKeys(node.home.data / KEYS_FOLDER))
            entries = operator, TenantAdded("north", "North", "FR"), PortalKeySet("north", public)
            for entry in entries:
                register.write("console", int(time.time()), lambda _, entry=entry: entry)  # type: ignore[misc]
        door, staff = free_port(), free_port()
        found = Provider(node, f"http://127.0.0.1:{door}", f"http://127.0.0.1:{staff}")
        secret = folder / "secret"
        secret.write_text("a secret of the client")
        program: list[Any] = [*COPDNS, *map(str, node.home.program.options), "provider"]
        words = ["welcome", "--origin", found.door, "--families", found.families, "--port", door]
        _start(stack, [*program, *words], folder, node.as_role(RoleDuty.WELCOME))
        words = ["serve", "--origin", found.staff, "--issuer", "https://login.provider.example"]
        words += ["--client", "copdns", "--secret-file", secret, "--port", staff]
        _start(stack, [*program, *words], folder, node.as_role(RoleDuty.STAFF))
        yield found


def _start(
    stack: ExitStack, words: list[Any], folder: Path, environment: Mapping[str, str]
) -> None:
    command = [str(each) for each in words]
    stack.enter_context(started(command, "listening on", folder, environment))


def test_a_subscriber_gets_from_the_link_to_a_dashboard_and_a_blocked_name(
    provider: Provider,
) -> None:
    """No shell, no code but the link's own; in a second browser the family's code, once."""
    arrived = provider.arrive("line 4711", "Ada")
    assert arrived["join"] == f"{provider.families}/guardian/join"
    assert arrived.keys() == {"household", "code", "join"}, "no portal learns the family's code"
    ada, phone, mia = Visitor("127.0.0.50"), Visitor("127.0.0.51"), Visitor("127.0.0.52")
    assert 'name="code"' in provider.open(ada, "/guardian/join").text
    page = provider.join(ada, arrived["code"])
    assert (page.status, page.location) == (303, "/guardian/")
    assert provider.open(ada, "/guardian/").status == 200
    assert provider.join(phone, arrived["code"]).status == 400, "a code is good once"

    page = provider.open(phone, "/guardian/login?next=/guardian/people")
    assert "/guardian/join" in page.text
    assert 'name="password"' not in page.text
    code = family_code(provider.open(ada, "/guardian/me"))
    way = "/guardian/login?next=/guardian/people"
    page = provider.send(phone, "/family", code=code.lower().replace("-", " "), next=way)
    assert (page.status, page.location) == (303, way)
    assert provider.send(phone, way, name="Ada", password=PASSWORD).location == "/guardian/people"
    assert provider.open(phone, "/guardian/people").status == 200

    provider.give_line("line 4711", arrived["household"], ADA)
    assert provider.send(ada, "/guardian/people", name="Mia", band="7-9").status == 303
    assert provider.send(ada, "/guardian/guests", rules="mia").status == 303
    rule = {"target": "film.example", "action": "block", "scope": "mia"}
    assert provider.send(ada, "/guardian/people/mia/rules", **rule).status == 303
    eventually(lambda: provider.node.ask("film.example", ADA) == "NOERROR 17 rule: film.example")

    assert provider.send(mia, "/family", code=code).status == 303
    assert "/family" not in provider.open(mia, "/rules").text
    page = provider.open(phone, "/guardian/me")
    assert "the old one stops working" in page.text
    assert provider.send(phone, "/guardian/me/family-code").location == "/guardian/me#family-code"
    page = provider.open(phone, "/guardian/me")
    assert "Your family has a new code" in page.text
    new = family_code(page)
    assert new != code
    assert "family code changed" in provider.open(ada, "/guardian/changes").text.lower()
    assert "/family" in provider.open(mia, "/rules").text, "who used the old one types the new one"
    assert provider.send(mia, "/family", code=code).status == 400
    assert provider.send(mia, "/family", code=new).status == 303
    assert provider.open(ada, "/guardian/").status == 200, "who is logged in stays so"
    provider.send(phone, "/guardian/logout")
    assert 'name="password"' in provider.open(phone, "/guardian/login").text


def test_nobody_gets_a_filter_that_nobody_chose_and_it_goes_off_and_on_again(
    provider: Provider,
) -> None:
    """A line is asked about each category that the built-in rules of guests block at home."""
    arrived, bo = provider.arrive("line 5", "Bo"), Visitor("127.0.0.70")
    assert provider.join(bo, arrived["code"]).status == 303
    provider.give_line("line 5", arrived["household"], BO)
    # A rule is there, and a child with a preset; nobody chose that the line gets them.
    assert provider.send(bo, "/guardian/people", name="Mo", band="7-9").status == 303
    rule = {"target": "film.example", "action": "block", "scope": "mo"}
    assert provider.send(bo, "/guardian/people/mo/rules", **rule).status == 303
    # A name of the household's own, which is no filter, tells that the node knows whose line it is.
    own = {"name": "nas.home.arpa", "addresses": "127.0.0.99"}
    assert provider.send(bo, "/guardian/names/local", **own).status == 303
    eventually(lambda: provider.node.ask("nas.home.arpa", BO) == "127.0.0.99")
    names = *UNCHOSEN, "film.example", DATING

    def ask_all() -> list[str]:
        return [provider.node.ask(each, BO) for each in names]

    assert ask_all() == [OPEN] * len(names)
    assert "The family filter is off." in provider.open(bo, "/guardian/").text
    assert "Your provider filters nothing" in provider.open(bo, "/guardian/guests").text
    assert provider.send(bo, "/guardian/guests", rules="built-in").status == 400

    step = "/guardian/wizard/children"
    assert "Whose rules your connection gets" in provider.open(bo, step).text
    page = provider.send(bo, f"/guardian/guests?next={step}", rules="mo")
    assert (page.status, page.location) == (303, step)
    blocked = "NOERROR 17 rule: film.example"
    eventually(lambda: provider.node.ask("film.example", BO) == blocked)
    eventually(lambda: provider.node.ask(DATING, BO).startswith("NOERROR 17 category: dating"))

    child, code = Visitor("127.0.0.72"), family_code(provider.open(bo, "/guardian/me"))
    assert provider.send(child, "/family", code=code).status == 303
    assert RULES_ARE_OFF not in provider.open(child, "/rules").text
    page = provider.send(bo, "/guardian/guests/filter", filter="off")
    assert page.location == "/guardian/guests"
    assert eventually(lambda: ask_all() == [OPEN] * len(names)) < 1.0
    assert provider.node.ask("nas.home.arpa", BO) == "127.0.0.99"
    eventually(lambda: RULES_ARE_OFF in provider.open(child, "/rules").text)
    page = provider.open(bo, "/guardian/guests")
    assert "The family filter is off" in page.text
    assert "Turn it on again, with Mo" in page.text
    undo = re.search(r'action="(/guardian/undo/[^"]+)"', page.text)
    assert undo, page.text
    assert provider.send(bo, undo[1]).status == 303
    eventually(lambda: provider.node.ask("film.example", BO) == blocked)
    for wanted, answer in (("off", OPEN), ("on", blocked)):
        provider.send(bo, "/guardian/guests/filter", filter=wanted)
        eventually(lambda answer=answer: provider.node.ask("film.example", BO) == answer)  # type: ignore[misc]
    eventually(lambda: RULES_ARE_OFF not in provider.open(child, "/rules").text)
    history = provider.open(bo, "/guardian/changes").text
    for line in ("Family filter on: rules of", "Family filter off"):
        assert line.lower() in history.lower()


def test_strangers_business_lines_roaming_and_public_wifi_get_law_and_security_alone(
    provider: Provider,
) -> None:
    """And calls by Wi-Fi pass while a family's line is closed, as help names do."""
    arrived, ada = provider.arrive("line 6", "Ada"), Visitor("127.0.0.71")
    home, at_wifi, business = "127.0.0.31", "127.0.9.31", "127.0.0.32"
    assert provider.join(ada, arrived["code"]).status == 303
    assert provider.send(ada, "/guardian/people", name="Mia", band="7-9").status == 303
    assert provider.send(ada, "/guardian/guests", rules="mia").status == 303
    node, household = provider.node, arrived["household"]
    node.command(household, "rule", "add", "block", "film.example")
    provider.give_line("line 6", household, home)
    provider.give_line("line 6 on wifi", household, at_wifi)
    provider.give_line("line 7", "", business)
    eventually(lambda: node.ask("pornhub.com", home).startswith("NOERROR 17"))
    eventually(lambda: node.ask("film.example", home) == "NOERROR 17 rule: film.example")
    others = {"no binding": "127.0.0.99", "public": "127.0.9.99", "business": business}
    for who, source in {**others, "a subscriber on public wifi": at_wifi}.items():
        for name in (*UNCHOSEN, DATING, "film.example"):
            assert node.ask(name, source) == OPEN, (who, name)
        assert node.ask(MALWARE, source).startswith("NOERROR 15"), who
    node.command(household, "pause", "mia")
    eventually(lambda: node.ask("school.example", home) == "NOERROR 17 paused")
    for name in (f"epdg.epc.{CARRIER}", f"ims.{CARRIER}", f"xcap.ims.{CARRIER}"):
        assert node.ask(name, home) == OPEN, name


def test_the_staffs_program_answers_as_a_role_that_reads_no_family(provider: Provider) -> None:
    asked = Request(
        f"{provider.staff}/blocked",
        json.dumps({"name": DATING}).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(asked, timeout=PATIENCE) as reply:
        assert DATING in reply.read().decode()
    with urlopen(f"{provider.staff}/blocked/statement", timeout=PATIENCE) as reply:
        assert "A provider" in reply.read().decode()
    for path, origin in (("/arrive", provider.staff), ("/staff/status", provider.door)):
        asked = Request(origin + path, headers={"Accept": "text/html"})
        with pytest.raises(HTTPError) as refused:
            urlopen(asked, timeout=PATIENCE)
        with refused.value:
            assert refused.value.code == 404, "each has what is its own"


def family_code(page: Page) -> str:
    shown = page.text.partition('id="family-code"')[2]
    found = re.search(r'<bdi class="code">([0-9A-Z-]{14})</bdi>', shown)
    assert found, page.text
    return found[1]


def test_codes_are_their_own_households_and_guesses_wait(provider: Provider) -> None:
    """A stranger learns from no answer which codes or households there are."""
    ours, theirs = provider.arrive("line 1", "Ada"), provider.arrive("line 2", "Bo")
    ada, bo, stranger = Visitor("127.0.0.60"), Visitor("127.0.0.61"), Visitor("127.0.0.62")
    assert provider.join(ada, ours["code"]).status == 303
    joined = int(time.time())
    assert provider.join(bo, theirs["code"]).status == 303
    assert provider.send(bo, "/guardian/people", name="Tom", band="13-15").status == 303

    eventually(lambda: time.time() >= joined + 1)  # else neither of the two was there first
    # Whoever Ada invites needs no other code, in whatever browser, and gets to Ada's household.
    page = provider.send(ada, "/guardian/accounts", name="Mo", role="guardian")
    invite = re.search(r'<bdi class="code">([0-9A-Z]{4}-[0-9A-Z]{4})</bdi>', page.text)
    assert invite, page.text
    mo = Visitor("127.0.0.63")
    assert provider.join(mo, invite[1]).status == 303
    assert not has_word(provider.open(mo, "/guardian/people").text, "Tom")
    assert "family-code" not in provider.open(mo, "/guardian/me").text, "not in the first 72 hours"
    assert provider.send(mo, "/guardian/me/family-code").status == 403

    used = provider.join(stranger, ours["code"])
    unknown = provider.join(stranger, "K7QF-2M9D")
    family = provider.join(stranger, family_code(provider.open(ada, "/guardian/me")))
    for page in (used, unknown, family):
        assert (page.status, WRONG in page.text) == (400, True)
    statuses = [provider.join(stranger, f"K7QF-2M9{each}") for each in "ABCDEFGH"]
    assert WRONG not in statuses[-1].text
    assert "wait" in statuses[-1].text
    fresh = provider.arrive("line 3", "Ada")["code"]
    assert "wait" in provider.join(stranger, fresh).text, "though this one is right"
    assert provider.join(Visitor("127.0.0.64"), fresh).status == 303

    # A code of an account is none of a family, and a link for a household with guardians is none.
    assert provider.send(Visitor("127.0.0.65"), "/family", code=ours["code"]).status == 400
    with pytest.raises(HTTPError):
        provider.arrive("line 1", "Eve")

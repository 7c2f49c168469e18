"""`copdns provider`: two people put an order in force, and it is in the zone until its second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest

from copdns.cli.provider.open_register import shell_text
from tests.fetched_list import put_list
from tests.hashed_lists import write_hashed
from tests.unit.calling import Home

pytestmark = pytest.mark.once


@pytest.fixture
def home(tmp_path: Path, postgres: str) -> Home:
    home = Home(tmp_path)
    home.set(provider={"database": postgres})
    home.ok("provider", "keys")
    for who, role in (("ada", "administrator"), ("bo", "administrator"), ("rev", "reviewer")):
        home.ok("provider", "staff", "add", who, "--name", who.title(), "--role", role)
    (tmp_path / "order.pdf").write_bytes(b"the order")
    return home


def later(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def add_order(home: Home, *more: str) -> str:
    said = home.ok(
        *("provider", "law", "add", "--authority", "A court", "--reference", "1 O 2/26"),
        *("--scope", "all customers", "--country", "FR", "--until", later(86_400)),
        *("--document", str(home.folder / "order.pdf"), "--decider", "rev", "--as", "ada", *more),
    )
    return said.split()[1].rstrip(":")


def test_an_order_with_a_protected_name_from_its_entry_to_its_end(home: Home) -> None:
    number = add_order(home, "casino.example", "samaritans.org")
    assert "casino.example" not in home.ok("provider", "law", "zone")
    refused = home.call("provider", "law", "confirm", number, "--as", "ada")
    assert (refused.exit_code, "another person" in refused.stderr) == (1, True)
    said = home.ok("provider", "law", "confirm", number, "--as", "bo")
    assert "held: samaritans.org: rev decides by 20" in said
    zone = home.ok("provider", "law", "zone").splitlines()
    assert "casino.example CNAME ." in zone
    assert "samaritans.org CNAME rpz-passthru." in zone
    shown = home.json("provider", "law", "show", number)
    assert (shown["state"], shown["held"][0]["decider"]) == ("in force", "rev")
    home.ok(
        *("provider", "law", "decide", number, "samaritans.org", "--open", "--why", "A helpline."),
        *("--as", "rev"),
    )
    assert "samaritans.org: open, by rev" in home.ok("provider", "law", "show", number)
    home.ok("provider", "law", "withdraw", number, "--why", "Lifted.", "--as", "ada")
    assert "casino.example" not in home.ok("provider", "law", "zone")
    assert home.json("provider", "law", "check")["entries"] == 7


def test_who_is_at_the_shell_is_what_the_kernel_says() -> None:
    assert shell_text(0, None, "ada") == "root, sudo by ada"
    assert shell_text(0, 999_999, "bo") == "root, logged in as uid 999999"
    assert shell_text(999_999, None, "bo") == "uid 999999", "anybody can set a variable"
    assert shell_text(0, 0, "") == "root"


def test_names_of_a_confidential_order_are_blocked_and_not_listed(home: Home) -> None:
    names = home.folder / "names.txt"
    names.write_text("secret.example\nhidden.example\n")
    number = add_order(home, "--names", str(names), "--confidential")
    home.ok("provider", "law", "confirm", number, "--as", "bo")
    for words in (("list",), ("list", "--json"), ("show", number), ("show", number, "--json")):
        assert "secret" not in home.ok("provider", "law", *words)
    assert "secret.example CNAME ." in home.ok("provider", "law", "zone")


def test_the_security_layer_and_what_is_preserved(home: Home) -> None:
    home.ok(
        *("provider", "security", "accept", "phishing", "--source", "https://feed.example/l"),
        *("--version", "7", "--file", str(home.folder / "boards.txt")),
    )
    home.ok("provider", "security", "add", "phish.example", "--why", "Passwords.", "--as", "ada")
    assert "waits" not in home.ok("provider", "security", "confirm", "5", "--as", "bo")
    found = home.json("provider", "security", "list")
    assert [each["names"] for each in found["feeds"]] == [2]
    assert [each["state"] for each in found["by_hand"]] == ["in force"]
    home.ok("provider", "security", "withdraw", "5", "--why", "Cleaned up.", "--as", "ada")
    assert "withdrawn" in home.ok("provider", "security", "list")
    home.ok(
        *("provider", "preserve", "add", "decisions", "--authority", "A court", "--country", "FR"),
        *("--reference", "4 Gs 1/26", "--since", later(-86_400), "--keeper", "bo", "--as", "ada"),
        *("--document", str(home.folder / "order.pdf")),
    )
    home.ok("provider", "preserve", "confirm", "8", "--as", "bo")
    assert home.json("provider", "preserve", "list")[0]["kept"] is True
    home.ok("provider", "preserve", "end", "8", "--why", "Given to the court.", "--as", "bo")
    assert home.json("provider", "preserve", "list")[0]["kept"] is False


def test_who_the_provider_is_and_who_works_there(home: Home) -> None:
    home.ok("provider", "operator", "set", "--name", "P", "--country", "FR", "--contact", "c@p")
    assert home.json("provider", "operator", "show")["name"] == "P"
    home.ok("provider", "tenant", "add", "north", "--name", "North", "--country", "FR")
    add = ("provider", "staff", "add", "sup", "--name", "S", "--role", "support")
    home.ok(*add, "--tenant", "north", "--as", "ada")
    home.ok("provider", "staff", "remove", "sup", "--as", "ada")
    assert [each["gone"] for each in home.json("provider", "staff", "list")][-1] is True
    assert [each["id"] for each in home.json("provider", "tenant", "list")] == ["north"]


def test_a_family_has_no_register(tmp_path: Path) -> None:
    refused = Home(tmp_path).call("provider", "law", "list")
    assert (refused.exit_code, "only a provider has a register" in refused.stderr) == (78, True)


def test_a_statement_and_a_report_that_anybody_can_check(home: Home) -> None:
    home.ok("provider", "operator", "set", "--name", "P", "--country", "FR", "--contact", "c@p")
    file = home.folder / "statement.json"
    file.write_text(home.ok("provider", "statement"))
    key = home.json("provider", "keys")["public_key"]
    assert home.ok("provider", "verify", str(file), "--key", key).split()[-1] == key
    found = json.loads(file.read_text())["document"]
    forged = home.folder / "forged.json"
    forged.write_text(file.read_text().replace(key, "another key"))
    told = home.ok("provider", "verify", str(forged), "--key", key)
    assert told.split()[-1] == key, "what was checked, not what the file says"
    assert any("Point de Contact" in each["name"] for each in found["hotlines"])
    assert {each["version"] for each in found["family"]["lists"]} == {""}, "none was fetched"
    put_list(home.data, "two.example\n", found["family"]["lists"][0]["list"])
    lists = json.loads(home.ok("provider", "statement"))["document"]["family"]["lists"]
    (fetched,) = [each for each in lists if each["version"]]
    since = "1970-01-01T00:00:01Z"
    assert (len(fetched["version"]), fetched["names"], fetched["since"]) == (64, 1, since)
    sealed = home.folder / "list.sealed"
    plain = home.folder / "list.hashed"
    plain.write_text(write_hashed(["bad.example"], "A hotline", "7", 1_900_000_000, bytes(16)))
    sealed.write_text(home.ok("provider", "law", "seal", str(plain)))
    assert sealed.read_text().startswith("sealed-v1\n")
    assert home.call("provider", "law", "seal", str(sealed)).exit_code == 1
    # Other ends of lines would be another list than the one whose checksum the order has.
    plain.write_bytes(plain.read_bytes().replace(b"\n", b"\r\n"))
    assert home.call("provider", "law", "seal", str(plain)).exit_code == 1
    figures = home.folder / "figures.json"
    figures.write_text('{"help_desk_complaints": 30, "network_outages": 1}')
    report = json.loads(home.ok("provider", "report", "2026-Q1", "--figures", str(figures)))
    assert [report["document"][each] for each in ("complaints", "outages")] == [None, None]
    said = "help_desk_complaints", "network_outages"
    assert [report["document"][each] for each in said] == [30, 1]
    assert {report["document"]["sources"][each] for each in said} == {"operator"}
    home.ok("provider", "tenant", "add", "north", "--name", "North", "--country", "FR")
    of_north = home.folder / "north.json"
    of_north.write_text(home.ok("provider", "report", "2026-Q1", "--tenant", "north"))
    assert home.ok("provider", "verify", str(of_north), "--key", key).split()[-1] == key
    both = ("provider", "report", "2026-Q1", "--tenant", "north", "--figures", str(figures))
    assert home.call(*both).exit_code == 1, "what is of all is not of one tenant"
    figures.write_text('{"subscriber": "127.0.0.1"}')
    refused = home.call("provider", "report", "2026-Q1", "--figures", str(figures))
    assert (refused.exit_code, str(figures) in refused.stderr) == (1, True)
    file.write_text(file.read_text().replace('"outages"', '"others"').replace('"FR"', '"DE"'))
    assert home.call("provider", "verify", str(file)).exit_code == 1


def test_the_staff_is_served(home: Home) -> None:
    (home.folder / "secret").write_text("a secret\n")
    named = ("--name", "A provider", "--country", "FR", "--contact", "contact@provider.example")
    home.ok("provider", "operator", "set", *named)
    kept = home.folder / "kept"
    kept.mkdir()
    (kept / "a.json").write_text(home.ok("provider", "statement"))
    words = (
        "provider",
        "serve",
        "--published",
        str(kept),
        "--issuer",
        "http://127.0.0.1:1",
        "--client",
        "copdns",
    )
    words += ("--secret-file", str(home.folder / "secret"), "--port", "0", "--origin")
    refused = home.call(*words, "http://staff.provider.example")
    assert (refused.exit_code, "HTTPS alone" in refused.stderr) == (78, True)
    command = [sys.executable, "-m", "copdns", *home.start, *words, "https://staff.example"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = server.stdout.readline().split()[-1]
        with pytest.raises(HTTPError) as refusal:
            urlopen(f"http://127.0.0.1:{port}/staff/orders")
        with urlopen(f"http://127.0.0.1:{port}/blocked/statement") as answer:
            page = answer.read().decode()
        server.terminate()
        assert server.wait(10) == 0
    assert refusal.value.code == 401
    assert ("What we filter" in page, page.count("/kept/statement-")) == (True, 1)
    assert "log in" in json.loads(refusal.value.read())["detail"]


def test_the_desk_by_commands(home: Home, postgres: str) -> None:
    home.ok("provider", "staff", "add", "rev2", "--name", "Rev", "--role", "reviewer")
    with psycopg.connect(postgres, autocommit=True) as operator:
        home.ok("provider", "desk", "list")  # makes the tables
        operator.execute(b"""
            insert into copdns.desk_case
                (tenant, origin, name, list, entry, reason, asked, due, drawn)
            values ('', 'guardian', 'club.example', 'casinos', 'club.example', 'harmless',
                    1796000000, 1796000001, 'rev rev2')""")
    assert "0 lines" in home.ok("provider", "desk", "verify")
    decide = ("provider", "desk", "decide", "1", "--reason", "list_error", "--as")
    assert home.ok(*decide, "rev") == "case 1: second\n"
    assert home.ok(*decide, "rev2") == "case 1: opened\n"
    (case,) = home.json("provider", "desk", "list")
    assert (case["state"], case["decisions"][0]["reason"]) == ("opened", "list_error")
    assert "Entry: club.example" in home.ok("provider", "desk", "text", "1")
    found = home.json("provider", "desk", "verify")
    assert (found["lines"], len(found["checksum"])) == (2, 64)
    with psycopg.connect(postgres, autocommit=True) as operator:
        for each in (b"desk_entry", b"desk_head"):
            operator.execute(b"delete from copdns." + each)
        for _ in range(2):  # it does not sign what it finds there
            assert home.call("provider", "desk", "verify").exit_code == 1
    home.ok("provider", "operator", "set", "--name", "P", "--country", "FR", "--contact", "c@p")
    found = json.loads(home.ok("provider", "statement"))["document"]
    assert [each["entry"] for each in found["family"]["opened"]] == ["club.example"]

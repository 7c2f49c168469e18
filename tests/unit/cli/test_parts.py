"""Devices, rules, own services, local names, rewrites and split upstreams, one thing at a time."""

from __future__ import annotations

import pytest

from copdns.cli.changes import rule_text
from tests.household import block
from tests.unit.calling import Home


def test_a_device_is_added_listed_and_removed(home: Home) -> None:
    home.ok(
        *("device", "add", "laptop", "192.0.2.77", "2001:DB8::/64"),
        *("--mac", "02-00-00-00-00-0A", "--profile", "tom", "--name", "Tom's laptop"),
        *("--kind", "computer"),
    )
    assert home.json("device", "list", "--profile", "tom")[-1] == {
        "id": "laptop",
        "name": "Tom's laptop",
        "profile": "tom",
        "addresses": ["192.0.2.77", "2001:db8::/64"],
        "macs": ["02:00:00:00:00:0a"],
        "kind": "computer",
        "tokens": [],
    }
    assert "02:00:00:00:00:0a, 192.0.2.77" in home.ok("device", "list")
    assert home.json("check", "a.example", "--client", "2001:db8::9")["device"] == "laptop"
    home.ok("device", "remove", "laptop")
    assert [each["id"] for each in home.json("device", "list")] == ["tablet", "phone"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["laptop", "--profile", "tom"], 2),
        (["laptop", "192.0.2.77"], 2),
        (["laptop", "192.0.2.777", "--profile", "tom"], 2),
        (["laptop", "--mac", "01:00:5e:00:00:01", "--profile", "tom"], 2),
        (["laptop", "127.0.0.1", "--profile", "tom"], 1),  # Mia's tablet has it
        (["laptop", "192.0.2.77", "--profile", "bo"], 1),
        (["tablet", "192.0.2.77", "--profile", "tom"], 1),
    ],
)
def test_a_device_that_cannot_be_is_told(home: Home, words: list[str], code: int) -> None:
    assert home.call("device", "add", *words).exit_code == code


def test_what_a_device_is_known_by_can_be_changed(home: Home) -> None:
    assert home.ok("device", "set", "tablet", "--mac", "02:00:00:00:00:01") == (
        "device tablet: macs: + 02:00:00:00:00:01\n"
    )
    home.ok("device", "set", "tablet", "--profile", "tom", "--name", "Slate")
    home.ok("device", "set", "tablet", "--address", "192.0.2.78")
    assert home.json("device", "list", "--profile", "tom")[0]["kind"] == "other"
    home.ok("device", "set", "tablet", "--kind", "console")
    assert home.json("device", "list", "--profile", "tom")[0] == {
        "id": "tablet",
        "name": "Slate",
        "profile": "tom",
        "addresses": ["192.0.2.78"],
        "macs": ["02:00:00:00:00:01"],
        "kind": "console",
        "tokens": [],
    }
    assert home.call("device", "set", "tablet").exit_code == 2
    assert home.call("device", "set", "radio", "--name", "Radio").exit_code == 1


def test_a_token_is_shown_once_and_revoked_by_what_it_is_called(home: Home) -> None:
    made = home.json("device", "token", "add", "phone")
    assert len(made["secret"]) == 26
    assert (made["tls_name"], made["https_address"]) == (None, None)  # nothing is encrypted here
    assert home.json("device", "token", "list") == [
        {"device": "phone", "token": made["token"], "profile": "tom"}
    ]
    shown = home.ok("device", "token", "list") + home.ok("device", "list")
    assert made["token"] in shown
    assert made["secret"] not in shown
    assert made["secret"] not in home.ok("household", "export")
    second = home.ok("device", "token", "add", "phone")
    assert "No device can use it yet" in second
    assert home.call("device", "token", "revoke", "phone", "00000000").exit_code == 1
    home.ok("device", "token", "revoke", "phone", made["token"])
    assert len(home.json("device", "token", "list")) == 1
    home.ok("device", "token", "revoke", "phone")
    assert home.json("device", "token", "list") == []
    assert home.call("device", "token", "revoke", "phone").exit_code == 1


def test_a_device_has_few_tokens(home: Home) -> None:
    for _ in range(8):
        home.json("device", "token", "add", "phone")
    assert home.call("device", "token", "add", "phone").exit_code == 1
    assert home.call("device", "token", "add", "radio").exit_code == 1


def test_a_rule_decides_from_then_on(home: Home) -> None:
    home.ok("rule", "add", "allow", "chess.games.example", "--profile", "mia", "--note", "Club")
    assert home.call("check", "chess.games.example").exit_code == 0
    assert home.call("check", "games.example").exit_code == 3
    home.ok("rule", "remove", "chess.games.example")
    assert home.call("check", "chess.games.example").exit_code == 3


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("Games.Example.", "games.example"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("=a.example", "=a.example"),
        ("198.51.100.7/24", "198.51.100.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_a_target_is_kept_in_its_one_form_and_found_by_any(
    home: Home, target: str, kept: str
) -> None:
    home.ok("rule", "add", "block", target, "--tag", "children")
    rule = home.json("rule", "list")[-1]
    assert (rule["target"], rule["for"]) == (kept, "#children")
    home.ok("rule", "remove", target, "--tag", "children")
    assert len(home.json("rule", "list")) == 1


def test_a_rule_against_what_many_sites_need_says_so(home: Home) -> None:
    for target in ("translate.googleapis.com", "salesforce.com", "akamaiedge.net"):
        done = home.call("rule", "add", "block", target)
        assert f"many sites need {target}" in done.stderr
    assert "translate.google.com" not in home.call("rule", "add", "block", "maps.google.com").stderr
    assert home.call("rule", "add", "allow", "sentry.io").stderr == ""
    assert home.call("rule", "add", "block", "games.other.example").stderr == ""


def test_a_rule_about_most_of_the_internet_is_refused_and_an_older_one_said_to_be_in_vain(
    home: Home,
) -> None:
    before = home.json("rule", "list")
    done = home.call("rule", "add", "block", "::/0")
    assert done.exit_code != 0
    assert "covers too much of the internet" in done.stderr
    assert home.json("rule", "list") == before
    assert "(no effect: " in rule_text(block("::/0"))
    assert "no effect" not in rule_text(block("198.51.100.0/24"))


def test_all_that_a_rule_can_say_is_kept(home: Home) -> None:
    home.ok("rule", "add", "allow", "a.example", "--over-security", "--unsafe-search")
    rule = home.json("rule", "list")[-1]
    assert rule.pop("created").endswith("Z")
    assert rule == {
        "id": "r2",
        "action": "allow",
        "target": "a.example",
        "for": "",
        "over_security": True,
        "unsafe_search": True,
        "note": "",
    }
    assert "allow a.example for everyone, over security, unsafe search" in home.ok("rule", "list")


def test_only_the_rules_that_hold_for_someone_are_shown(home: Home) -> None:
    home.ok("rule", "add", "block", "a.example", "--tag", "children")
    home.ok("rule", "add", "block", "b.example")
    assert [each["id"] for each in home.json("rule", "list", "--profile", "mia")] == [
        "r1",
        "r2",
        "r3",
    ]
    assert [each["id"] for each in home.json("rule", "list", "--profile", "tom")] == ["r3"]
    assert home.call("rule", "list", "--profile", "bo").exit_code == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["block", "com"], 2),
        (["block", "two words"], 2),
        (["forbid", "a.example"], 2),
        (["block", "a.example", "--profile", "mia", "--tag", "children"], 2),
        (["block", "a.example", "--over-security"], 1),
        (["block", "a.example", "--profile", "bo"], 1),
        (["allow", "games.example", "--profile", "mia"], 1),  # r1 says the opposite
        (["block", "childline.org.uk"], 1),
    ],
)
def test_a_rule_that_cannot_be_is_told(home: Home, words: list[str], code: int) -> None:
    assert home.call("rule", "add", *words).exit_code == code


def test_of_several_rules_about_a_name_one_has_to_be_named(home: Home) -> None:
    home.ok("rule", "add", "block", "games.example", "--profile", "tom")
    result = home.call("rule", "remove", "games.example")
    assert result.exit_code == 1
    assert "r1 (block games.example for mia), r2 (block games.example for tom)" in result.stderr
    home.ok("rule", "remove", "games.example", "--profile", "tom")
    home.ok("rule", "remove", "r1")
    assert home.json("rule", "list") == []


@pytest.mark.parametrize("which", ["r9", "no.example", "com"])
def test_a_rule_that_there_is_not_cannot_be_removed(home: Home, which: str) -> None:
    result = home.call("rule", "remove", which)
    assert result.exit_code == 1
    assert "there is no rule" in result.stderr


def test_two_processes_that_add_a_rule_at_once_both_succeed(home: Home) -> None:
    home.ok("household", "set", "--name", "Ours")
    running = [home.process("rule", "add", "block", f"{each}.example") for each in ("a", "b", "c")]
    assert [(each.communicate()[1], each.returncode) for each in running] == [("", 0)] * 3
    rules = home.json("rule", "list")
    assert {each["target"] for each in rules[1:]} == {"a.example", "b.example", "c.example"}
    assert [each["id"] for each in rules] == ["r1", "r2", "r3", "r4"]


def test_two_processes_that_are_the_first_both_succeed(home: Home) -> None:
    running = [home.process("rule", "add", "block", f"{each}.example") for each in ("a", "b")]
    assert [(each.communicate()[1], each.returncode) for each in running] == [("", 0)] * 2
    assert len(home.json("rule", "list")) == 3


def test_a_service_of_ones_own_can_be_blocked_and_goes_when_nobody_blocks_it(home: Home) -> None:
    home.ok("service", "add", "arcade", "arcade.example", "=play.example", "--title", "Arcade")
    home.ok("profile", "set", "ada", "--service", "arcade")
    assert home.json("check", "arcade.example", "--profile", "ada")["service"] == "arcade"
    assert home.call("service", "remove", "arcade").exit_code == 1
    home.ok("service", "set", "arcade", "--contact", "known")
    home.ok("service", "set", "arcade", "arcade.example", "coins.example")
    (arcade,) = [each for each in home.json("service", "list", "--own") if each["id"] == "arcade"]
    assert (arcade["title"], arcade["contact"]) == ("Arcade", "known")
    assert arcade["names"] == ["arcade.example", "coins.example"]
    assert "there is no service" in home.call("service", "set", "nothing", "--title", "x").output
    home.ok("profile", "set", "ada", "--no-service", "arcade")
    home.ok("service", "remove", "arcade")
    assert [each["id"] for each in home.json("service", "list", "--own")] == ["clubchat"]


def test_the_services_that_copdns_knows_are_listed_too(home: Home) -> None:
    every = {each["id"]: each for each in home.json("service", "list")}
    assert (every["clubchat"]["defined"], every["roblox"]["defined"]) == ("here", "copdns")
    assert every["clubchat"]["names"] == ["clubchat.example"]
    assert "Roblox" in home.ok("service", "list")


def test_a_local_name_is_answered_by_this_machine(home: Home) -> None:
    home.ok("local", "add", "printer.home.arpa", "192.168.1.20", "fd00::20")
    assert home.json("check", "printer.home.arpa")["action"] == "local"
    assert "answer: 192.168.1.20" in home.ok("check", "printer.home.arpa")
    assert home.json("local", "list") == [
        {
            "name": "printer.home.arpa",
            "addresses": ["192.168.1.20", "fd00::20"],
            "records": [],
            "scope": "",
        }
    ]
    assert "printer.home.arpa  192.168.1.20, fd00::20" in home.ok("local", "list")
    home.ok("local", "remove", "Printer.home.arpa")
    assert home.json("local", "list") == []


def test_a_rewrite_gives_another_names_data(home: Home) -> None:
    home.ok("rewrite", "add", "*.start.example", "homepage.example")
    result = home.json("check", "www.start.example")
    assert (result["action"], result["target"]) == ("rewrite", "homepage.example")
    assert home.json("rewrite", "list") == [
        {"name": "*.start.example", "target": "homepage.example"}
    ]
    assert home.call("rewrite", "add", "start.example", "www.start.example").exit_code == 1
    home.ok("rewrite", "remove", "*.start.example")
    assert home.call("rewrite", "remove", "*.start.example").exit_code == 1


@pytest.mark.parametrize("address", ["192.0.2.8", "2001:db8::8"])
def test_a_rewrite_to_an_address_is_refused_with_the_command_that_does_it(
    home: Home, address: str
) -> None:
    refused = home.call("rewrite", "add", "nas.example", address)
    assert refused.exit_code == 1
    command = f"local add nas.example {address}"
    assert f"copdns {command}" in refused.output
    home.ok(*command.split())
    assert home.json("check", "nas.example")["action"] == "local"


@pytest.mark.parametrize(
    ("domain", "upstream", "names", "told"),
    [
        ("office.example", "192.168.9.1", [], True),
        ("office.example", "[fd00::53]:5353", [], True),
        ("lan", "192.168.9.1", [], True),
        ("office.example", "192.0.2.53", [], False),  # no server of a home network
        ("9.168.192.in-addr.arpa", "192.168.9.1", [], False),  # names, and no addresses
        ("office.example", "192.168.9.1", ["office.example"], False),
    ],
)
def test_where_a_domain_is_forwarded_into_the_home_rebinding_is_told_of(
    home: Home, domain: str, upstream: str, names: list[str], told: bool
) -> None:
    home.set(rebinding={"names": names})
    result = home.call("split", "add", domain, upstream)
    assert result.exit_code == 0
    assert (f"add {domain} to rebinding.names" in result.output) is told


def test_a_domain_can_have_upstreams_of_its_own(home: Home) -> None:
    home.ok("split", "add", "office.example", "192.0.2.53", "[2001:db8::53]:5353")
    servers = ["192.0.2.53:53", "[2001:db8::53]:5353"]
    assert home.json("split", "list") == [
        {"name": "office.example", "upstreams": servers, "scope": ""}
    ]
    assert home.call("split", "add", "office.example", "router").exit_code == 2
    home.ok("split", "remove", "office.example")
    assert home.ok("split", "list").splitlines() == ["DOMAIN  UPSTREAMS  FOR"]


def test_every_change_tells_what_is_different_now(home: Home) -> None:
    assert home.ok("local", "add", "nas.home.arpa", "192.168.1.2") == (
        "local name nas.home.arpa added: 192.168.1.2\n"
    )
    assert home.ok("local", "add", "nas.home.arpa", "192.168.1.3") == (
        "local name nas.home.arpa: addresses: + 192.168.1.3, - 192.168.1.2\n"
    )
    assert home.ok("split", "add", "office.example", "192.0.2.53") == (
        "split upstream office.example added: 192.0.2.53:53\n"
    )
    assert home.ok("rewrite", "add", "a.example", "b.example") == (
        "rewrite a.example added: answered as b.example\n"
    )
    assert home.ok("service", "add", "arcade", "arcade.example") == (
        "service arcade added: arcade: arcade.example\n"
    )
    assert home.ok("device", "add", "tv", "192.0.2.200", "--profile", "ada") == (
        "device tv added: ada: 192.0.2.200\n"
    )

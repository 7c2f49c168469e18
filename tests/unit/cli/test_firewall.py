"""`copdns firewall`: rules that nft takes, and what is in their sets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path

import dns.message
import dns.rrset
import pytest

from copdns.app.help_chores import FILE
from copdns.cli.firewall.elements import ClosedPerson, DeviceKeys, find_known_by, pair_elements
from copdns.cli.firewall.memory import FETCH_AFTER, HELP, KEPT_FOR, SeenAddresses, read_seen
from copdns.cli.firewall.rules import (
    FIXED_SETS,
    LIVE_SETS,
    FirewallPlan,
    Port53,
    live_sets,
    ruleset,
)
from copdns.household.time_edits import begin_filter_break
from copdns.list_files.load import resolver_networks
from copdns.model.errors import FirewallError
from copdns.model.household import Device
from copdns.store.household_db.household import HouseholdStore
from tests.e2e.curious import help_file
from tests.running import upstream
from tests.unit.calling import Home

MAC, OTHER_MAC = "02:00:00:00:00:08", "02:00:00:00:00:0a"
NFT = shutil.which("nft", path="/usr/sbin:/usr/local/sbin:/usr/bin")
EXAMPLES = {
    "ether_addr": ("02:00:00:00:00:08",),
    "ipv4_addr": ("192.0.2.0/24", "198.51.100.7"),
    "ipv6_addr": ("2001:db8::/32",),
    "ether_addr . ipv4_addr": ("02:00:00:00:00:08 . 192.0.2.7",),
    "ether_addr . ipv6_addr": ("02:00:00:00:00:08 . 2001:db8::7",),
    "ipv4_addr . ipv4_addr": ("192.168.1.0/28 . 192.0.2.7", "192.168.1.20 . 192.0.2.7"),
    "ipv6_addr . ipv6_addr": ("fd00::/64 . 2001:db8::7",),
}
FULL = {each.name: EXAMPLES[each.key] for each in (*FIXED_SETS, *LIVE_SETS)}
EMPTY: dict[str, tuple[str, ...]] = {}


@pytest.fixture(autouse=True)
def upstream_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ask nobody but an upstream of this test; it answers with 192.0.2.1."""
    with upstream() as port:
        ask_at(monkeypatch, f"127.0.0.1:{port}")
        yield


def ask_at(monkeypatch: pytest.MonkeyPatch, *servers: str) -> None:
    monkeypatch.setenv("COPDNS_UPSTREAMS__SERVERS", json.dumps(servers))


def plan(port_53: Port53, *box: str, closes_router: bool = False) -> FirewallPlan:
    return FirewallPlan(("br-lan", "wlan0"), port_53, tuple(map(ip_address, box)), closes_router)


def has_nft() -> bool:
    """Tell whether nft can check rules here, which takes the right to change them."""
    if NFT is None or os.geteuid() != 0:
        return False
    return not subprocess.run([NFT, "list", "tables"], capture_output=True, check=False).returncode


# --- the rules ------------------------------------------------------------------------------------


@pytest.mark.tools
@pytest.mark.parametrize("port_53", Port53)
@pytest.mark.parametrize("box", [(), ("192.168.1.2",), ("192.168.1.2", "fd00::2")])
@pytest.mark.parametrize("elements", [EMPTY, FULL])
def test_nft_takes_the_rules_and_what_replaces_their_sets(
    port_53: Port53, box: tuple[str, ...], elements: dict[str, tuple[str, ...]]
) -> None:
    if not has_nft():
        pytest.skip("needs nft, and root")
    made_from = plan(port_53, *box, closes_router=True)
    bare = ruleset(made_from, EMPTY, [])
    for text in (ruleset(made_from, elements, ["Hello.", ""]), bare + live_sets(elements)):
        words = [NFT or "", "-c", "-f", "-"]
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("port_53", Port53)
def test_nothing_masquerades_counts_or_logs(port_53: Port53) -> None:
    rules = ruleset(plan(port_53, "192.168.1.2", closes_router=True), FULL, [])
    said = re.sub(r"#.*", "", rules)
    assert not re.search(r"masquerade|snat|counter|\blog\b|quota", said)


@pytest.mark.parametrize("port_53", Port53)
def test_help_comes_before_all_that_refuses_connections(port_53: Port53) -> None:
    rules = ruleset(plan(port_53, "192.168.1.2", "fd00::2"), FULL, [])
    forward = rules.partition("chain forward {")[2].partition("\n    }")[0]
    assert forward.index("@help4 accept") < forward.index("jump encrypted_dns")
    assert forward.index("@help6 accept") < forward.index("jump closed")
    assert "reject" not in forward


@pytest.mark.parametrize(
    ("port_53", "box", "chains"),
    [
        (Port53.ROUTER, (), {"to_copdns"}),
        (Port53.BOX, ("192.0.2.2", "2001:db8::2"), {"to_copdns"}),
        (Port53.BOX, ("192.0.2.2",), {"to_copdns", "plain_dns"}),  # IPv6 has nowhere to go
        (Port53.REJECT, ("192.0.2.2",), {"plain_dns"}),
    ],
)
def test_plain_dns_is_led_home_or_refused(
    port_53: Port53, box: tuple[str, ...], chains: set[str]
) -> None:
    rules = ruleset(plan(port_53, *box), EMPTY, [])
    found = set(re.findall(r"chain (\w+) \{", rules))
    assert found == {"forward", "encrypted_dns", "closed"} | chains


def test_every_rule_has_its_reason_above() -> None:
    rules = ruleset(plan(Port53.REJECT, "192.0.2.2", closes_router=True), EMPTY, [])
    for chain in re.findall(r"(.*)\n    chain \w+ \{", rules):
        assert chain.strip().startswith("#")


def test_only_who_is_closed_is_let_go_by_itself() -> None:
    text = live_sets(FULL)
    ends = {each.name for each in LIVE_SETS if "timeout" in each.flags}
    assert ends == {"closed_mac", "closed4", "closed6"}
    assert text.count("timeout") == sum(len(FULL[each]) for each in ends)


# --- which devices --------------------------------------------------------------------------------


def device(name: str, profile: str, *addresses: str, mac: str = "") -> Device:
    return Device(name, name, profile, addresses, (mac,) if mac else ())


def known_by(*devices: Device) -> tuple[list[str], list[str]]:
    found = find_known_by(devices, lambda profile: profile == "mia")
    return [*found.macs], [str(each) for each in found.networks]


def test_a_device_with_a_mac_is_told_by_that_alone() -> None:
    tablet = device("tablet", "mia", "192.168.1.8", mac=MAC)
    assert known_by(tablet, device("tv", "mia", "192.168.1.9")) == ([MAC], ["192.168.1.9/32"])


def test_the_last_device_with_an_address_wins() -> None:
    """As a guest for a while, who comes last."""
    one, other = device("tv", "mia", "192.168.1.9"), device("guest", "ada", "192.168.1.9", mac="")
    assert known_by(one, other) == ([], [])
    assert known_by(other, one) == ([], ["192.168.1.9/32"])
    assert known_by(device("a", "ada", mac=MAC), device("b", "mia", mac=MAC)) == ([MAC], [])


def test_of_networks_the_smallest_counts() -> None:
    _, found = known_by(
        device("all", "mia", "192.168.1.0/29"),
        device("half", "ada", "192.168.1.0/30"),
        device("one", "mia", "192.168.1.1"),
        device("six", "ada", "fd00::/64"),
    )
    assert found == ["192.168.1.1/32", "192.168.1.4/30"]


def test_what_stays_open_is_so_for_each_device_of_that_person() -> None:
    school = (ip_network("192.0.2.20"), ip_network("2001:db8::20"))
    known = {"mia": DeviceKeys((MAC, OTHER_MAC), (ip_network("192.168.1.0/30"),))}
    assert pair_elements([ClosedPerson("mia", school)], known) == {
        "open_mac4": (f"{MAC} . 192.0.2.20", f"{OTHER_MAC} . 192.0.2.20"),
        "open_mac6": (f"{MAC} . 2001:db8::20", f"{OTHER_MAC} . 2001:db8::20"),
        "open4": ("192.168.1.0/30 . 192.0.2.20",),
        "open6": (),
    }


# --- what is remembered ---------------------------------------------------------------------------

OLD, NEW = ip_network("192.0.2.1"), ip_network("192.0.2.2")
NOW = 1_774_800_000


def test_an_address_counts_for_a_day_after_a_name_left_it() -> None:
    seen = SeenAddresses()
    seen.see(HELP, [OLD], NOW)
    seen.see(HELP, [NEW], NOW + 10)
    assert set(seen.of(HELP, NOW + KEPT_FOR)) == {OLD, NEW}
    assert set(seen.of(HELP, NOW + KEPT_FOR + 1)) == {NEW}
    assert set(read_seen(seen.dump()).of(HELP, NOW + KEPT_FOR)) == {OLD, NEW}


def test_a_name_is_asked_for_again_after_some_minutes() -> None:
    seen = SeenAddresses()
    assert seen.is_due("school.example", NOW)
    seen.see("school.example", [OLD], NOW)
    assert not seen.is_due("school.example", NOW + FETCH_AFTER - 1)
    assert seen.is_due("school.example", NOW + FETCH_AFTER)
    assert seen.is_due("school.example", NOW - 1)  # the clock was set back


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seen": {"a": 1}}', '{"seen": {"": {"x": 1}}}'])
def test_a_file_of_something_else_is_no_memory(text: str) -> None:
    with pytest.raises(FirewallError):
        read_seen(text)


# --- the command ----------------------------------------------------------------------------------


def live(home: Home, *words: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = home.json("firewall", "sets", *words)
    return found


def test_named_are_devices_of_people_whose_rules_close_ways_around(home: Home) -> None:
    home.ok("profile", "set", "mia", "--bypass", "on")
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    home.ok("device", "add", "laptop", "--mac", OTHER_MAC, "--profile", "ada")
    found = live(home)
    assert (found["named_mac"], found["known_mac"]) == ([MAC], [MAC, OTHER_MAC])
    assert "192.0.2.0/28" in found["named4"]


def test_a_device_is_closed_while_all_names_are(home: Home) -> None:
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    assert live(home)["closed_mac"] == []
    home.ok("pause", "mia", "--for", "1h")
    assert live(home)["closed_mac"] == [MAC]
    assert "192.0.2.0/28" in live(home)["closed4"]
    home.ok("grant", "give", "mia", "everything", "--for", "30m", "--lifts", "time")
    assert live(home)["closed_mac"] == []


def test_a_device_that_is_tried_without_the_filter_is_not_closed(home: Home) -> None:
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    home.ok("pause", "mia", "--for", "1h")
    now = int(time.time())

    async def begin() -> None:
        with HouseholdStore.open(home.data) as store:
            edit = partial(begin_filter_break, device_id="mia-phone", now=now)
            await store.change("home", edit, author="Ada", what="tried", now=now)

    asyncio.run(begin())
    found = live(home)
    assert (found["closed_mac"], found["known_mac"]) == ([], [MAC])
    assert "192.0.2.0/28" in found["closed4"]  # her other devices


def test_what_is_open_by_the_persons_own_rules_is_asked_for(home: Home) -> None:
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    home.ok("pause", "mia", "--for", "1h")
    emergencies = live(home)["open_mac4"]
    assert emergencies == [f"{MAC} . 192.0.2.1"]  # as all have here
    home.ok("profile", "set", "mia", "--always", "school.example")
    remembered = home.folder / "remembered"
    live(home, "--remember", str(remembered))
    names = json.loads(remembered.read_text())["seen"]
    assert {"school.example", "www.school.example"} <= names.keys()
    home.ok("rule", "add", "block", "school.example", "--profile", "mia")
    live(home, "--remember", str(remembered))
    assert "school.example" not in json.loads(remembered.read_text())["seen"]
    home.ok("grant", "give", "mia", "club.example", "--for", "30m", "--lifts", "time")
    live(home, "--remember", str(remembered))
    found = json.loads(remembered.read_text())["seen"].keys()
    assert "club.example" in found
    assert "wikipedia.org" not in found
    home.ok("profile", "set", "mia", "--homework", "learning.example")
    home.ok("pause", "mia", "--for", "1h", "--homework")
    live(home, "--remember", str(remembered))
    found = json.loads(remembered.read_text())["seen"].keys()
    assert {"learning.example", "wikipedia.org"} <= found


def test_help_addresses_are_all_that_were_fetched_and_stay_for_a_while(home: Home) -> None:
    home.data.mkdir(mode=0o700)
    file, remembered = home.data / FILE, str(home.folder / "remembered")
    assert live(home, "--remember", remembered)["help4"] == []  # nothing was fetched yet
    file.write_bytes(help_file("192.0.2.7"))
    assert live(home, "--remember", remembered)["help4"] == ["192.0.2.7"]
    file.write_bytes(help_file("192.0.2.9"))
    assert live(home, "--remember", remembered)["help4"] == ["192.0.2.7", "192.0.2.9"]
    assert live(home)["help4"] == ["192.0.2.9"]
    assert Path(remembered).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("prefix", ["64:ff9b::/96", "auto"])
def test_addresses_that_stand_for_ipv4_ones_stay_open_too(
    home: Home, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("COPDNS_DNS64__PREFIX", prefix)
    home.data.mkdir(mode=0o700)
    (home.data / FILE).write_bytes(help_file("192.0.2.7"))
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    home.ok("pause", "mia", "--for", "1h")
    with translator() as port:
        monkeypatch.setenv("COPDNS_DNS64__ASK", json.dumps([f"127.0.0.1:{port}"]))
        found = live(home)
    assert found["help4"] == ["192.0.2.7"]
    assert found["help6"] == ["64:ff9b::c000:207"]
    assert found["open_mac4"] == [f"{MAC} . 192.0.2.1"]
    assert found["open_mac6"] == [f"{MAC} . 64:ff9b::c000:201"]


@contextmanager
def translator() -> Iterator[int]:
    """Answer one question as the DNS server of a network with NAT64 does; yield its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer() -> None:
            wire, peer = sock.recvfrom(4096)
            if wire:
                query = dns.message.from_wire(wire)
                reply = dns.message.make_response(query, recursion_available=True)
                name, mapped = query.question[0].name, "64:ff9b::c000:aa"
                reply.answer.append(dns.rrset.from_text(name, 300, "IN", "AAAA", mapped))
                sock.sendto(reply.to_wire(), peer)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(answer)
            try:
                yield int(sock.getsockname()[1])
            finally:
                sock.sendto(b"", sock.getsockname())  # it was not asked


def test_what_nobody_can_list_is_told(home: Home) -> None:
    home.ok("profile", "set", "mia", "--always", "category:games")
    home.ok("pause", "mia", "--for", "1h")
    said = home.call("firewall", "sets")
    told = "not spared, since nobody knows all its addresses: category:games"
    assert told in said.stderr, "cron sends it by mail"
    assert told not in said.stdout, "which nft reads"


@pytest.mark.parametrize("spoiled", [b"", b"no answers"])
def test_a_damaged_file_of_help_addresses_is_told(home: Home, spoiled: bytes) -> None:
    """Nothing is printed then: the rules keep what they have."""
    home.data.mkdir(mode=0o700)
    (home.data / FILE).write_bytes(spoiled)
    said = home.call("firewall", "sets")
    assert (said.exit_code, said.stdout) == (1, "")
    assert str(home.data / FILE) in said.stderr


def test_what_is_logged_meanwhile_is_not_in_the_output(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that nobody answers at the upstream: nft would take it for rules."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        ask_at(monkeypatch, f"127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("COPDNS_UPSTREAMS__DEADLINE", "0.8")
        home.ok("pause", "mia", "--for", "1h")
        said = home.call("firewall", "sets")
    assert "does not answer" in said.stderr
    lines = said.stdout.splitlines()
    assert all(re.match(r"(flush|add|#|\}|    )", each) for each in lines)


def test_a_damaged_memory_is_told_with_what_to_do(home: Home) -> None:
    remembered = home.folder / "remembered"
    remembered.write_text("?")
    said = home.call("firewall", "sets", "--remember", str(remembered))
    assert (said.exit_code, said.stdout) == (1, "")
    assert "delete it" in said.stderr


def test_the_file_of_rules_says_how_it_is_applied_and_taken_back(home: Home) -> None:
    nft = home.ok("firewall", "nft", "--lan", "eth1", "--address", "192.168.1.2")
    assert 'iifname != { "eth1" } accept' in nft
    assert "nft delete table inet copdns" in nft
    openwrt = home.ok("firewall", "openwrt", "--address", "192.168.1.2")
    assert 'iifname != { "br-lan" } accept' in openwrt
    assert "uci set firewall.copdns.position=ruleset-post" in openwrt
    assert "8.8.8.8" in openwrt


def test_nobody_whose_time_is_over_stands_in_the_file(home: Home) -> None:
    """It may be read again at another hour."""
    home.ok("device", "add", "mia-phone", "--mac", MAC, "--profile", "mia")
    home.ok("pause", "mia", "--for", "1h")
    rules = home.json("firewall", "openwrt", "--address", "192.168.1.2")
    assert not any(name.startswith(("closed", "open")) for name in rules["sets"])
    assert "timeout 180s" not in rules["rules"]


def test_resolvers_at_home_that_copdns_asks_may_ask_anybody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_at(monkeypatch, "192.168.1.3", "192.0.2.53")
    home.set(upstreams={"private_reverse": ["fd00::1"]})
    home.ok("split", "add", "work.example", "192.168.1.4")
    rules = home.json("firewall", "openwrt", "--address", "192.168.1.2")
    assert rules["sets"]["box4"] == ["192.168.1.2/31", "192.168.1.4"]
    assert rules["sets"]["box6"] == ["fd00::1"]


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("nft",), "--lan", 78),
        (("nft", "--lan", 'x" accept'), "not the name of a network interface", 2),
        (("openwrt", "--port-53", "box"), "--address", 78),
    ],
)
def test_what_is_missing_is_told(
    home: Home, words: tuple[str, ...], said: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPDNS_DNS__LISTEN", json.dumps(["127.0.0.1"]))
    result = home.call("firewall", *words)
    assert result.exit_code == code
    assert said in result.output


@pytest.mark.tools
def test_rules_are_checked_and_not_applied(home: Home) -> None:
    if not has_nft():
        pytest.skip("needs nft, and root")
    said = home.ok("firewall", "openwrt", "--address", "192.168.1.2", "--check")
    assert said == "nft finds nothing wrong; nothing was applied\n"


def test_without_nft_a_check_says_what_to_install(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.cli.commands.firewall._NFT", None)
    said = home.call("firewall", "openwrt", "--address", "192.168.1.2", "--check")
    assert said.exit_code == 1
    assert "apt install nftables" in said.output


def test_every_known_resolver_has_a_network_of_its_own() -> None:
    found = resolver_networks()
    assert {ip_network("8.8.8.8"), ip_network("1.1.1.1"), ip_network("9.9.9.9")} <= found
    assert not any(each.is_private for each in found)
    assert all(each.prefixlen >= (24 if each.version == 4 else 33) for each in found)

"""What a device that is nobody's calls itself, and what is not believed of it."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from copdns.model.addresses import UpstreamAddress
from copdns.network import device_labels
from copdns.network.device_labels import can_be_asked, find_labels, read_label, with_labels
from copdns.network.unknown_devices import UnknownDevice
from copdns.settings.config import IdentitySettings, Settings

DEVICE = "192.168.1.20"
REVERSE = "20.1.168.192.in-addr.arpa."


def answer(name: str = "laptop.local.", owner: str = REVERSE, **more: object) -> bytes:
    query = dns.message.make_query(owner, "PTR")
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(owner, 120, "IN", "PTR", name))
    if more.get("rcode"):
        reply.set_rcode(dns.rcode.REFUSED)
    if more.get("query"):
        reply.flags &= ~dns.flags.QR
    if more.get("no_question"):
        reply.question.clear()
    return reply.to_wire()


@pytest.mark.parametrize(
    ("message", "label"),
    [
        (answer(), "laptop"),
        (answer("Mias-iPad.local."), "Mias-iPad"),
        (answer("printer."), "printer"),
        (answer(no_question=True), "laptop"),  # as multicast DNS answers do
        (answer("a" * 63 + ".local."), "a" * 63),
        (answer(owner="21.1.168.192.in-addr.arpa."), ""),  # of another
        (answer(rcode=True), ""),
        (answer(query=True), ""),
        (answer("\\<b\\>mia\\</b\\>.local."), ""),
        (answer("mia\\032phone.local."), ""),
        (answer("m\\195\\188.local."), ""),
        (answer("-mia.local."), ""),
        (answer("_http.local."), ""),
        (answer("."), ""),
        (answer()[:20], ""),
        (answer()[:-3], ""),
        (b"", ""),
    ],
    ids=itertools.count(),  # a message has a random ID
)
def test_only_a_name_that_a_host_can_have_is_believed(message: bytes, label: str) -> None:
    found = read_label(message.ljust(12, b"\0"), DEVICE)
    assert found == label


@pytest.mark.parametrize("size", range(0, 80, 3))
def test_octets_of_any_kind_are_no_name_and_no_error(size: int) -> None:
    whole = answer()
    for octet in (0, 0xC0, 0xFF):
        spoiled = whole[:size] + bytes([octet]) + whole[size + 1 :]
        assert read_label(spoiled, DEVICE) in ("", "laptop") or size > 40


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("192.168.1.20", True),
        ("10.0.0.7", True),
        ("127.0.0.7", False),
        ("192.0.2.7", False),  # it is not in a home network
        ("fd00::7", False),
    ],
)
def test_only_devices_of_a_home_network_are_asked(address: str, asked: bool) -> None:
    assert can_be_asked(address) is asked


Says = Callable[[bytes], bytes]


@contextmanager
def device(host: str, says: Says, port: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A device that answers at an address; gives its port, and what it was asked."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((host, port))

        def serve() -> None:
            while True:
                message, place = own.recvfrom(1500)
                if not message:
                    return
                heard.append(message)
                own.sendto(says(message), place)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield own.getsockname()[1], heard
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", own.getsockname())
            thread.join()


def naming(name: str, number: bytes = b"") -> Says:
    def says(message: bytes) -> bytes:
        owner = dns.message.from_wire(message).question[0].name.to_text()
        return (number or message[:2]) + answer(name, owner)[2:]

    return says


@pytest.fixture
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_labels, "can_be_asked", lambda _address: True)


@pytest.mark.usefixtures("_loopback")
def test_a_device_is_asked_for_its_own_name_and_nothing_else() -> None:
    with device("127.0.0.20", naming("laptop.local.")) as (port, heard):
        assert find_labels(["127.0.0.20"], port=port) == {"127.0.0.20": "laptop"}
    (asked,) = map(dns.message.from_wire, heard)
    assert asked.question[0].to_text() == "20.0.0.127.in-addr.arpa. IN PTR"


@pytest.mark.usefixtures("_loopback")
def test_what_the_router_knows_counts_first() -> None:
    with (
        device("127.0.0.20", naming("call-me-mum.local.")) as (port, _),
        device("127.0.0.1", naming("toms-laptop.lan.")) as (router, _),
    ):
        routers = (UpstreamAddress("127.0.0.1", router),)
        found = find_labels(["127.0.0.20"], routers, port)
    assert found == {"127.0.0.20": "toms-laptop"}


@pytest.mark.usefixtures("_loopback")
def test_an_answer_to_no_question_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_labels, "PATIENCE", 0.05)
    monkeypatch.setattr(device_labels.secrets, "randbelow", lambda _most: 6)
    with device("127.0.0.20", naming("laptop.local.", b"\x12\x34")) as (port, _):
        assert find_labels(["127.0.0.20"], port=port) == {}


def test_nobody_is_asked_where_there_is_nobody() -> None:
    assert find_labels([]) == {}
    assert find_labels(["192.0.2.7", "127.0.0.1"]) == {}


@pytest.mark.usefixtures("_loopback")
def test_only_devices_without_a_name_are_asked_and_none_if_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def find(addresses: list[str], _routers: object) -> dict[str, str]:
        asked.append(addresses)
        return {"127.0.0.20": "laptop"}

    monkeypatch.setattr(device_labels, "find_labels", find)
    named, nameless = (
        UnknownDevice("home", each, "", "", "127.0.0.20", name, 1, 0)
        for each, name in (("u1", "tv"), ("u2", ""))
    )
    found = with_labels([named, nameless], Settings())
    assert ([each.name for each in found], asked) == (["tv", "laptop"], [["127.0.0.20"]])
    silent = Settings(identity=IdentitySettings(ask_names=False))
    assert with_labels([named, nameless], silent) == [named, nameless]
    assert with_labels([named], Settings()) == [named]
    assert len(asked) == 1

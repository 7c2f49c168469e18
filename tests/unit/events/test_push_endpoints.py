"""Where messages for browsers may be sent: to push services, and not into the house."""

from __future__ import annotations

import pytest

from copdns.events.push_endpoints import (
    is_allowed_endpoint,
    is_home_address,
    is_public_address,
)
from copdns.settings.config import PUSH_HOSTS


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:DEF-123_4",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QGuQyavXutnMH2Yb",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%2f",
        "https://fcm.googleapis.com:443/fcm/send/a",
    ],
)
def test_the_services_of_the_great_browsers_are_allowed(url: str) -> None:
    assert is_allowed_endpoint(url, PUSH_HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/fcm/send/a",  # not encrypted
        "https://fcm.googleapis.com:8443/a",
        "https://fcm.googleapis.com.example/a",
        "https://evilpush.apple.com/a",  # same letters, another label
        "https://push.apple.com/a",  # the domain itself is none of those below it
        "https://ada@fcm.googleapis.com/a",
        "https://fcm.googleapis.com@127.0.0.1/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://copdns.home.arpa/guardian/",
        "ftp://fcm.googleapis.com/a",
        "https://fcm.googleapis.com/" + "a" * 2048,
        "https://fcm.googleapis.com/a b",
        "https://[fcm.googleapis.com/",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    assert not is_allowed_endpoint(url, PUSH_HOSTS)


def test_a_service_at_home_needs_the_setting_and_its_host() -> None:
    for host in ("192.168.1.4", "push.example"):
        url = f"https://{host}:8080/push/1"
        assert is_allowed_endpoint(url, [host], private=True)
        assert not is_allowed_endpoint(url, [host])
        assert not is_allowed_endpoint(url, PUSH_HOSTS, private=True)
        assert not is_allowed_endpoint(url.replace("https", "http"), [host], private=True)
    assert not is_allowed_endpoint("https://192.168.1.4/push/1", ["192.168.1.4"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_this_machine_is_no_push_service_whatever_is_set(host: str) -> None:
    bare = host.strip("[]")
    assert not is_allowed_endpoint(f"https://{host}/push/1", [bare], private=True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),  # an IPv4 address in another dress
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::101:101", True),
        ("2002:7f00:1::", False),
    ],
)
def test_an_address_of_the_house_is_told_from_one_of_the_internet(
    address: str, public: bool
) -> None:
    assert is_public_address(address) is public
    at_home = {"10.1.2.3", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"}
    assert is_home_address(address) is (address in at_home)

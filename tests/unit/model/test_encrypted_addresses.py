"""How encrypted upstreams are written, and what is refused."""

from __future__ import annotations

import pytest

from copdns.model.addresses import Transport, UpstreamAddress
from copdns.model.encrypted_addresses import server_address

TLS, HTTPS = Transport.TLS, Transport.HTTPS
PIN = "oHW5BhtrjdPiEC8z8mzUm2qYQqgGRhRQgpoCJxWWHpE="


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1:5353", UpstreamAddress("192.0.2.1", 5353)),
        (
            "tls://dns.example@192.0.2.1",
            UpstreamAddress("192.0.2.1", 853, TLS, "dns.example"),
        ),
        (
            "tls://dns.example@[2001:db8::1]:8853",
            UpstreamAddress("2001:db8::1", 8853, TLS, "dns.example"),
        ),
        ("tls://192.0.2.1", UpstreamAddress("192.0.2.1", 853, TLS, "192.0.2.1")),
        ("tls://[2001:db8::1]", UpstreamAddress("2001:db8::1", 853, TLS, "2001:db8::1")),
        ("tls://dns.example", UpstreamAddress("", 853, TLS, "dns.example")),
        ("tls://dns.example:8853", UpstreamAddress("", 8853, TLS, "dns.example")),
        (
            f"tls://192.0.2.1#sha256/{PIN}",
            UpstreamAddress("192.0.2.1", 853, TLS, "192.0.2.1", pin=PIN),
        ),
        (
            "https://dns.example@192.0.2.1",
            UpstreamAddress("192.0.2.1", 443, HTTPS, "dns.example", "/dns-query"),
        ),
        (
            "https://dns.example@192.0.2.1:8443/family",
            UpstreamAddress("192.0.2.1", 8443, HTTPS, "dns.example", "/family"),
        ),
        (
            f"https://dns.example/dns-query#sha256/{PIN}",
            UpstreamAddress("", 443, HTTPS, "dns.example", "/dns-query", PIN),
        ),
    ],
)
def test_an_address_is_read_and_written_back(text: str, found: UpstreamAddress) -> None:
    assert server_address(text) == found
    assert server_address(str(found)) == found
    assert str(server_address(str(found))) == str(found)


def test_the_path_of_a_template_is_the_path() -> None:
    assert server_address("https://dns.example@192.0.2.1/dns-query{?dns}").path == "/dns-query"


def test_people_read_the_name_without_what_may_be_a_customers_number() -> None:
    assert server_address("https://dns.example@192.0.2.1/af34c1").short_text == "dns.example"
    assert server_address("192.0.2.1").short_text == "192.0.2.1"
    assert server_address("192.0.2.1:5353").short_text == "192.0.2.1:5353"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tls://", "is not a valid|no valid address"),
        ("tls://@", "no valid address"),
        ("tls://dns.example@other.example", "no valid address after the name"),
        ("tls://dns.example@192.0.2.1:0", "no valid port"),
        ("tls://dns.example@192.0.2.1:", "no valid port"),
        ("tls://dns.example@192.0.2.1/path", "has a path"),
        ("tls://dns.example@0.0.0.0", "not the address of a single machine"),
        ("quic://dns.example@192.0.2.1", "quic://, which is not supported"),
        ("sdns://AgcAAAAAAAAA", "sdns://, which is not supported"),
        ("http://192.0.2.1/dns-query", "http://, which is not supported"),
        ("tls://192.0.2.1#sha256/short", "no valid pin"),
        (f"tls://192.0.2.1#{PIN}", "no valid pin"),
        ("https://dns.example@192.0.2.1/a b", "no valid path"),
        ("https://dns.example@192.0.2.1/{dns}", "no valid path"),
    ],
)
def test_what_is_no_address_is_told_in_plain_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        server_address(text)

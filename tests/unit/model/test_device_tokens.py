"""A device's own name: how it is written, and what is read of what a device sends."""

import pytest

from copdns.model.device_tokens import (
    TOKEN_LENGTH,
    https_address,
    short_token,
    shown_token,
    tls_name,
    token_digest,
    token_in_name,
    token_in_path,
    token_text,
)

NAME = "dns.example.net"
TOKEN = token_text(bytes(range(16)))


def test_a_token_fits_a_label_and_has_all_its_bits() -> None:
    assert len(TOKEN) == TOKEN_LENGTH < 63
    assert TOKEN.isalnum()
    assert TOKEN.lower() == TOKEN
    ends = {token_text(bytes(15) + bytes([last])) for last in range(256)}
    assert len(ends) == 256


def test_addresses_are_what_devices_are_told() -> None:
    assert tls_name(NAME, TOKEN) == f"{TOKEN}.dns.example.net"
    assert https_address(NAME, 443, TOKEN) == f"https://dns.example.net/dns-query/{TOKEN}"
    assert https_address(NAME, 8443, TOKEN) == f"https://dns.example.net:8443/dns-query/{TOKEN}"


def test_case_does_not_matter_and_the_digest_does_not_show_the_token() -> None:
    assert token_digest(TOKEN.upper()) == token_digest(TOKEN)
    assert token_digest(TOKEN) != token_digest(TOKEN[:-1])
    assert TOKEN not in token_digest(TOKEN)
    assert token_digest(TOKEN).startswith(short_token(token_digest(TOKEN)))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (f"{TOKEN}.{NAME}", TOKEN),
        (f"{TOKEN.upper()}.DNS.Example.net.", TOKEN),
        (f"tablet.{NAME}", "tablet"),  # no token, but it says that it is a certain device
        (f"a.b.{NAME}", "a.b"),
        (NAME, None),
        (f"not{NAME}", None),
        (f"{TOKEN}.{NAME}.example", None),
        ("copdns.home.arpa", None),
        ("", None),
        (None, None),
    ],
)
def test_what_stands_before_the_name_is_what_is_shown(asked: str | None, found: str | None) -> None:
    assert token_in_name(asked, NAME) == found
    assert token_in_name(asked, "") is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/dns-query", None),
        (f"/dns-query/{TOKEN}".encode(), TOKEN),
        (b"/dns-query/a/b", "a/b"),
        (b"/dns-query/\xff", "\ufffd"),
    ],
)
def test_what_stands_behind_the_path_is_what_is_shown(path: bytes, found: str | None) -> None:
    assert token_in_path(path) == found


@pytest.mark.parametrize("path", [b"/", b"/dns-query/", b"/dns-queryx", b"/other", b""])
def test_another_path_is_none_of_ours(path: bytes) -> None:
    with pytest.raises(ValueError, match=r"^b"):
        token_in_path(path)


def test_without_a_token_the_address_counts_but_not_where_only_tokens_do() -> None:
    assert shown_token(None, tokens_only=False) == ""
    assert shown_token(TOKEN, tokens_only=False) == token_digest(TOKEN)
    assert shown_token(None, tokens_only=True) == shown_token("", tokens_only=True) != ""

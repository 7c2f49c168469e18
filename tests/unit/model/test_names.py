"""Tests of names as text: what crafted labels, spellings and scripts turn into."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.errors import NameTextError
from copdns.model.names import display, from_wire, is_below, normalize, suffixes, to_wire

PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789-_"
LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=3)


def wire(labels: list[bytes]) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


@given(LABELS)
def test_any_name_on_the_wire_comes_back_in_lower_case(labels: list[bytes]) -> None:
    assert to_wire(from_wire(wire(labels))) == wire([label.lower() for label in labels])


@given(LABELS)
def test_a_normal_form_has_one_dot_between_two_labels_and_no_other(labels: list[bytes]) -> None:
    name = from_wire(wire(labels))
    assert len(list(suffixes(name))) == len(labels)
    assert name.isascii()
    assert name.isprintable()
    assert " " not in name


@given(LABELS)
def test_names_that_differ_on_the_wire_differ_in_text(labels: list[bytes]) -> None:
    other = [*labels[:-1], labels[-1] + b"."] if labels else [b"."]
    if len(other[-1]) <= 63:
        assert from_wire(wire(other)) != from_wire(wire(labels))


@pytest.mark.parametrize("size", [1, 44, 45, 48, 57, 63])
@pytest.mark.parametrize("odd", [b"", b"!", b".", b"@", b"\x00", b"\xe9", b"\x05"])
def test_a_label_is_read_octet_by_octet_whatever_its_length_is_the_code_of(
    size: int, odd: bytes
) -> None:
    label = (b"Ab-_9" * 13)[: size - len(odd)] + odd
    text = "".join(chr(each) if chr(each) in PLAIN else f"\\{each:03d}" for each in label.lower())
    assert from_wire(wire([b"WWW", label, b"example"])) == f"www.{text}.example"


def test_a_dot_inside_a_label_is_no_border_between_labels() -> None:
    crafted = from_wire(wire([b"ads.example", b"org"]))
    assert crafted == r"ads\046example.org"
    assert list(suffixes(crafted)) == [crafted, "org"]
    assert not is_below(crafted, "example.org")


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ([], ""),
        ([b"WWW", b"Example"], "www.example"),
        ([b"_dns", b"example"], "_dns.example"),
        ([b"a\\046b", b"example"], r"a\092046b.example"),  # a written escape is no escape
        ([b"a b\0", b"example"], r"a\032b\000.example"),
        ([b"\xc3\x84", b"example"], r"\195\132.example"),  # octets above 127 keep their value
    ],
)
def test_octets_that_are_no_letter_digit_or_hyphen_are_written_as_numbers(
    labels: list[bytes], name: str
) -> None:
    assert from_wire(wire(labels)) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Games.Example", "games.example"),
        (" games.example. ", "games.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("bücher。example。", "xn--bcher-kva.example"),  # full stops of Chinese and Japanese
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dns.example", "_dns.example"),
        ("a_b.example", "a_b.example"),
        ("-a-.example", "-a-.example"),
        ("", ""),
        (".", ""),
    ],
)
def test_a_written_name_has_one_normal_form(text: str, name: str) -> None:
    assert normalize(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "a b.example",
        "games..example",
        "..",
        ".example",
        "http://games.example/",
        "games.example:80",
        "*.games.example",
        r"a\046b.example",
        "a" * 64 + ".example",
        ".".join(["a" * 63] * 4),
        "bücher..example",
        "\u200b.example",
        "\ud800.example",
        "ü" * 64 + ".example",
    ],
)
def test_what_is_no_name_is_refused_with_a_word(text: str) -> None:
    with pytest.raises(NameTextError, match=r"is not a valid domain|each part|at most 253"):
        normalize(text)


@given(st.text())
def test_whatever_is_written_gives_a_name_that_fits_the_wire_or_is_refused(text: str) -> None:
    try:
        name = normalize(text)
    except NameTextError:
        return
    assert from_wire(to_wire(name)) == name == normalize(name)


def test_a_name_of_253_characters_is_the_longest() -> None:
    longest = ".".join(["a" * 63, "a" * 63, "a" * 63, "a" * 61])
    assert from_wire(to_wire(longest)) == longest
    with pytest.raises(NameTextError, match="at most 253"):
        to_wire(longest + "a")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("games.example", "games.example"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("xn--.example", "xn--.example"),  # no valid A-label: shown as it is
        ("xn--a_b.example", "xn--a_b.example"),
    ],
)
def test_people_see_a_name_in_its_own_script(name: str, shown: str) -> None:
    assert display(name) == shown


@given(LABELS)
def test_any_name_can_be_shown(labels: list[bytes]) -> None:
    assert display(from_wire(wire([b"xn--a", *labels])))


def test_suffixes_go_from_the_name_to_its_top_level_domain() -> None:
    assert list(suffixes("a.b.example")) == ["a.b.example", "b.example", "example"]
    assert list(suffixes("")) == []


@pytest.mark.parametrize(
    ("name", "parent", "below"),
    [
        ("a.example", "example", True),
        ("example", "example", False),
        ("anexample", "example", False),  # same letters, another label
        ("example", "", True),
        ("", "", False),
    ],
)
def test_below_means_labels_and_not_letters(name: str, parent: str, below: bool) -> None:
    assert is_below(name, parent) is below

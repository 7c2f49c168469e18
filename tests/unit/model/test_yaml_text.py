"""YAML as people write it: text stays text, and every mistake is told with its place."""

from __future__ import annotations

from typing import Annotated

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from copdns.model import yaml_text
from copdns.model.errors import ConfigError
from copdns.model.household import Band
from copdns.model.matchers import Matcher, parse_matcher


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Frozen):
    name: str = ""
    age: int = Field(0, ge=0, le=120)
    band: Band | None = None
    asleep: bool = False
    weight: float = 1.0
    blocked: tuple[Annotated[Matcher, yaml_text.ByText(parse_matcher)], ...] = ()
    bedtime: str = ""

    @field_validator("bedtime")
    @classmethod
    def known(cls, bedtime: str, info: ValidationInfo) -> str:
        if info.context and bedtime not in info.context:
            raise ValueError(f"{bedtime} is no bedtime of this house")
        return bedtime


class House(Frozen):
    title: str = ""
    people: dict[str, Person] = {}
    visitors: tuple[Person, ...] = ()


def problems(text: str, **extra: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        yaml_text.read(text, "house.yaml", House, **extra)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


@pytest.mark.parametrize("text", ["no", "NO", "on", "yes", "22:30", "2026-11-24", "010", "0x1f"])
def test_what_yaml_1_1_would_bend_stays_text(text: str) -> None:
    assert yaml_text.read(f"title: {text}\n", "house.yaml", House).title == text


@pytest.mark.parametrize("text", ["1_000", "1e3", ".inf", "=", "::1", "True", "0o7", "12:30:45"])
def test_only_plain_decimals_and_lower_case_switches_are_more_than_text(text: str) -> None:
    assert yaml_text.read(f"title: {text}\n", "house.yaml", House).title == text


def test_numbers_and_switches_are_read_where_they_belong() -> None:
    house = yaml_text.read(
        "people: {mia: {age: 8, asleep: true, weight: 27.5, band: 7-9}}", "house.yaml", House
    )
    assert house.people["mia"] == Person(age=8, asleep=True, weight=27.5, band=Band.TO_9)


def test_an_empty_text_is_all_defaults() -> None:
    assert yaml_text.read("# nothing yet\n", "house.yaml", House) == House()


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "title: 5\npeople:\n  mia:\n    age: 200\n    asleep: no\n    bnad: 7-9\n    band: 7-8\n"
    assert problems(text) == [
        "house.yaml:1:1: title: is 5, which is not text; put it in quotes",
        "house.yaml:4:5: people.mia.age: is 200; write at most 120",
        'house.yaml:5:5: people.mia.asleep: is "no"; write true or false',
        "house.yaml:6:5: people.mia.bnad: is not a known key; did you mean band?",
        "house.yaml:7:5: people.mia.band: is \"7-8\"; write one of: '0-6', '7-9', '10-12', "
        "'13-15', '16-17' or 'adult'",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people: 3", "1:1: people: is 3; write keys with their values below it"),
        ("visitors: Bo", '1:1: visitors: is "Bo"; write a list: [one, two]'),
        ("visitors:\n- age: '8'", '2:3: visitors.1.age: is "8"; write a whole number'),
        (
            "visitors:\n- blocked: [a.example, com]",
            "2:24: visitors.1.blocked.2: 'com' is not a website",
        ),
        ("visitors:\n- blocked: [7]", "2:13: visitors.1.blocked.1: 7 is not text"),
        ("xyz: 1", "1:1: xyz: is not a known key; the known ones are: title, people, visitors"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_write(text: str, told: str) -> None:
    assert problems(text)[0].startswith(f"house.yaml:{told}")


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    assert problems("title: a\npeople: {}\ntitle: b\n") == [
        "house.yaml:3:1: title: is there twice, first in line 1; keep only one"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: &a x", "1:8: an anchor (&) is not supported"),
        ("title: *a", "1:8: an alias (*) is not supported"),
        ("title: !!python/name:os.system x", "1:8: a tag (!) is not supported"),
        ("title: a\n---\ntitle: b", "2:1: a second document starts here"),
        ("- a", "1:1: there is no key here"),
        ("? [a]\n: b", "1:3: a key is a single word"),
        ("title: [", "is not YAML"),
        ("title: a\n  b: c", "2:4: is not YAML"),
        ("title: [a, ::1]", "1:12: is not YAML"),
        ("title: a\nb: \x01", "2:1: contains a control character"),
        ("title: " + "[" * 60, "1:57: is nested more than 50 levels deep"),
        ("title: \ud800", "is not UTF-8 text"),
        ("title: " + "a" * (1 << 20), "is larger than 1 MiB"),
    ],
)
@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_what_is_not_read_here_is_told(
    text: str, told: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_text, "_Loader", getattr(yaml, loader, yaml.SafeLoader))
    (problem,) = problems(text)
    assert told in problem


def test_a_bare_ipv6_address_in_brackets_is_told_to_need_quotes() -> None:
    (problem,) = problems("people: {}\ntitle: [192.0.2.1, ::1]\n")
    assert problem.endswith("put quotes around an address with colons between [ and ]")


def test_a_change_takes_the_place_of_what_the_file_says() -> None:
    changes = {"title": "new", "people.tom.age": 15}
    house = yaml_text.read("title: old\npeople: {}", "house.yaml", House, changes)
    assert house == House(title="new", people={"tom": Person(age=15)})


def test_a_mistake_in_a_change_names_its_variable() -> None:
    assert problems("people: {tom: {age: 15}}", changes={"people.tom.age": -1, "titel": "x"}) == [
        "COPDNS_TITEL: titel: is not a known key; did you mean title?",
        "COPDNS_PEOPLE__TOM__AGE: people.tom.age: is -1; write at least 0",
    ]


def test_the_context_reaches_the_validators() -> None:
    text = "visitors: [{bedtime: 21:00}]"
    assert yaml_text.read(text, "house.yaml", House, context={"21:00"}).visitors
    assert problems(text, context={"20:00"}) == [
        "house.yaml:1:13: visitors.1.bedtime: 21:00 is no bedtime of this house"
    ]


def test_a_flood_of_mistakes_is_cut_short() -> None:
    told = problems("".join(f"key{n}: 1\n" for n in range(150)))
    assert len(told) == 101
    assert told[-1] == "house.yaml: and 50 more errors"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("53", 53),
        ("0.8", 0.8),
        ("true", True),
        ("no", "no"),
        ("", ""),
        ("::1", "::1"),
        ("why: because", "why: because"),
        ("[a, '[::1]:53', 5]", ["a", "[::1]:53", 5]),
        ("'5'", "5"),
    ],
)
def test_a_variable_holds_one_value_or_a_list(text: str, value: object) -> None:
    assert yaml_text.scalar(text, "COPDNS_X") == value


def test_a_list_in_a_variable_that_never_ends_is_told_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"^COPDNS_X:"):
        yaml_text.scalar("[a", "COPDNS_X")


@given(st.text())
def test_any_text_is_read_or_told(text: str) -> None:
    told = "house.yaml"
    try:
        yaml_text.read(text, "house.yaml", House)
    except ConfigError as error:
        told = str(error)
    assert told.startswith("house.yaml")


@given(st.text(max_size=200))
def test_quoted_text_comes_back_as_written(title: str) -> None:
    text = yaml.safe_dump({"title": title}, default_style='"')
    assert yaml_text.read(text, "house.yaml", House).title == title

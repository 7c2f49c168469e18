"""Read YAML that a person wrote, and say every mistake at once, each with its place.

Stricter than YAML 1.1, so that text means what it looks like: only `true` and `false` are
switches and only plain decimals are numbers; `no`, `22:30`, `010` and `2026-11-24` stay text.
A key that stands twice, an alias, a tag and a second document are mistakes.  What the values
mean is for the pydantic model that the caller gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from copdns.model.errors import ConfigError, CopdnsError
from copdns.model.validation_messages import Path, describe_errors, shown_value

Shape = TypeVar("Shape", bound=BaseModel)

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_PROBLEMS = 100
ENVIRONMENT_PREFIX = "COPDNS_"

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WITH_VALUE = (ScalarEvent, CollectionStartEvent)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}", re.ASCII)


def read(
    text: str,
    file: str,
    shape: type[Shape],
    changes: Mapping[str, object] | None = None,
    context: object = None,
) -> Shape:
    """Return the text as the model `shape`; raise a ConfigError that lists every mistake.

    changes: values by dotted key ("dns.port") that take the place of the text's; a mistake in
        one names its environment variable.
    context: handed to the model's validators (`ValidationInfo.context`).
    """
    return document(text, file, changes).parse_as(shape, context)


def document(text: str, file: str, changes: Mapping[str, object] | None = None) -> YamlDocument:
    """Return the text as plain values that know their places; an empty text has no keys."""
    reader = _Reader(file)
    made = YamlDocument(file, reader.read(text), reader.places, frozenset(changes or ()))
    if reader.problems:
        raise made.error(reader.problems)
    for key, change in (changes or {}).items():
        _put(made.value, key, change)
    return made


def scalar(text: str, source: str) -> object:
    """Return one value, such as `53`, `true` or `[a, b]`; source names it in a ConfigError."""
    if not text.startswith(("[", "{", '"', "'")):
        return _parse_plain(text) if text else ""
    return document(f"value: {text}", source).value["value"]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The values of a YAML text, and the place of each.

    file: its name, for messages.  places: (line, column), from 1, of each key and list item.
    changed: dotted keys whose values came from the environment.
    """

    file: str
    value: dict[str, Any]
    places: Mapping[Path, tuple[int, int]]
    changed: frozenset[str] = frozenset()

    def parse_as(self, shape: type[Shape], context: object = None) -> Shape:
        """Return the values as the model, or raise ConfigError.

        Validators of mode "before" do not fit: what they return is no JSON any more, and pydantic
        would refuse its lists and texts.  `ByText` and a Discriminator do.
        """
        try:
            # In JSON mode pydantic can be strict ("no" is no switch, "5" no number) and still
            # take text for addresses and lists for tuples.
            return shape.model_validate_json(json.dumps(self.value), strict=True, context=context)
        except ValidationError as error:
            problems = describe_errors(error.errors(include_url=False), shape, self.value)
        raise self.error(problems)

    def error(self, problems: list[tuple[Path, str]]) -> ConfigError:
        """Return the error that lists the problems in the order of the file."""
        problems = sorted(problems, key=lambda each: self._place(each[0]))
        lines = [self.line(*each) for each in problems[:MAX_PROBLEMS]]
        if len(problems) > MAX_PROBLEMS:
            lines.append(f"{self.file}: and {len(problems) - MAX_PROBLEMS} more errors")
        return ConfigError("\n".join(lines))

    def line(self, path: Path, what: str) -> str:
        """Return "file:line:col: path.to.key: what"."""
        line, column = self._place(path)
        where = self._variable(path) or f"{self.file}:{line}:{column}"
        return f"{where}: {path_text(path)}: {what}" if path else f"{where}: {what}"

    def _place(self, path: Path) -> tuple[int, int]:
        """Return where the path stands; for what is missing, where its parent does."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def _variable(self, path: Path) -> str:
        for size in range(len(path), 0, -1):
            key = ".".join(map(str, path[:size]))
            if key in self.changed:
                return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")
        return ""


def path_text(path: Path) -> str:
    """Return a path for people: items are counted from 1, odd keys are quoted."""
    return ".".join(str(part + 1) if isinstance(part, int) else _plain(part) for part in path)


def _plain(key: str) -> str:
    key = key if len(key) <= 60 else f"{key[:57]}..."
    return key if key and key.isprintable() else repr(key)


def _put(root: dict[str, Any], key: str, value: object) -> None:
    """Set a value by dotted key; what is in the way and no mapping gives way."""
    *parents, last = key.split(".")
    for parent in parents:
        below = root.get(parent)
        if not isinstance(below, dict):
            below = root[parent] = {}
        root = below
    root[last] = value


class _Reader:
    """Builds values from YAML events, without the recursion and the tags of yaml's composer."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Path, tuple[int, int]] = {}
        self.problems: list[tuple[Path, str]] = []

    def read(self, text: str) -> dict[str, Any]:
        """Return the document's keys and values; raise ConfigError where reading cannot go on."""
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise ConfigError(f"{self.file}: is not UTF-8 text; save it as UTF-8") from None
        if size > MAX_BYTES:
            raise ConfigError(
                f"{self.file}: is larger than 1 MiB; make it smaller, or move long lists into "
                "list files"
            )
        try:
            return self._document(iter(_Loader(text).get_event, None))
        except yaml.MarkedYAMLError as error:
            raise self._broken(error, text) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(
                f"{self.file}:{line}:1: contains a control character; remove it"
            ) from None

    def _broken(self, error: yaml.MarkedYAMLError, text: str) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        said = "; ".join(part for part in (error.context, error.problem) if part)
        advice = "check the indentation, the colons and the quotes here and in the line before"
        if any("::" in each for each in text.split("\n")[line : line + 1]):
            advice = "put quotes around an address with colons between [ and ]"
        return ConfigError(f"{self.file}:{line + 1}:{column + 1}: is not YAML ({said}); {advice}")

    def _document(self, events: Iterator[Event]) -> dict[str, Any]:
        root: dict[str, Any] | None = None
        for event in events:
            if not isinstance(event, DocumentStartEvent):
                continue
            if root is not None:
                self._stop(event, "a second document starts here; use one document per file")
            first = next(events)
            value = self._value(first, events, ()) or {}
            if not isinstance(value, dict):
                self._stop(first, "there is no key here; write each value as `key: value`")
            root = value
        return root or {}

    def _value(self, event: Event, events: Iterator[Event], path: Path) -> object:
        if isinstance(event, AliasEvent):
            self._stop(event, "an alias (*) is not supported; write the value again")
        assert isinstance(event, _WITH_VALUE)
        if event.anchor is not None:
            self._stop(event, "an anchor (&) is not supported; remove it")
        if event.tag is not None:
            self._stop(event, "a tag (!) is not supported; remove it, or put the text in quotes")
        if isinstance(event, ScalarEvent):
            return _parse_plain(event.value) if event.implicit[0] else event.value
        if len(path) >= MAX_DEPTH:
            self._stop(event, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        return self._sequence(events, path)

    def _sequence(self, events: Iterator[Event], path: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(events), CollectionEndEvent):
            here = (*path, len(items))
            self.places[here] = _mark(event)
            items.append(self._value(event, events, here))
        return items

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, object]:
        items: dict[str, object] = {}
        while not isinstance(event := next(events), CollectionEndEvent):
            key = self._key(event)
            here = (*path, key)
            if key in items:
                line, _ = self.places[here]
                self.problems.append((here, f"is there twice, first in line {line}; keep only one"))
            self.places[here] = _mark(event)
            items[key] = self._value(next(events), events, here)
        return items

    def _key(self, event: Event) -> str:
        if not isinstance(event, ScalarEvent):
            self._stop(event, "a key is a single word; put it in quotes if it contains [ or {")
        return str(event.value)

    def _stop(self, event: Event, what: str) -> NoReturn:
        line, column = _mark(event)
        raise ConfigError(f"{self.file}:{line}:{column}: {what}")


def _mark(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    assert mark is not None  # only events that are made by hand have none
    return mark.line + 1, mark.column + 1


def _parse_plain(text: str) -> object:
    """Return what plain (unquoted) text stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-0123456789":  # most is just text: two patterns would take longer
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class Written(BaseModel):
    """What a person wrote below a key; a key that is not known is a mistake."""

    # Built with the whole that it is part of: for itself each part would cost as much again.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ByText:
    """Annotation of a field that is written as text: `Annotated[Matcher, ByText(matcher)]`.

    The function may raise CopdnsError or ValueError.  A value that is already parsed passes;
    `str` writes it back.
    """

    def __init__(self, parse: Callable[[str], object]) -> None:
        self.parse = parse

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    def read(self, value: object) -> object:
        """Return the value of a text; a value that is none of YAML's is taken as it is.

        Raise ValueError, with what to write instead.
        """
        if isinstance(value, bool | int | float | list | dict | None):
            raise ValueError(f"{shown_value(value)} is not text; put it in quotes")
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except CopdnsError as error:
            raise ValueError(str(error)) from None

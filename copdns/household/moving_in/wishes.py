"""What a file of another program says, entry by entry, in words that no program owns.

Readers (`adguard.py`, `pi_hole.py`, `nextdns.py`, `hosts.py`) give these; `plan.py` makes changes
of them.  Everything that a file says is an entry, so that all of it comes over or is told.  Pure.

A scope says for whom an entry holds: the key of a person, "#" and the key of a group, EVERYONE.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from copdns.model.errors import MoveInError
from copdns.model.household import DeviceKind, RuleAction
from copdns.model.sentences import Sentence, sentence

EVERYONE: Final = ""
MAX_ENTRIES: Final = 100_000  # of one file
_SHOWN: Final = 120  # characters of what an entry says


class Product(StrEnum):
    """Where a file is from."""

    ADGUARD_HOME = "AdGuard Home"
    PI_HOLE = "Pi-hole"
    NEXTDNS = "NextDNS"
    HOSTS = "hosts file"


@dataclass(frozen=True, slots=True)
class PersonWish:
    """A person or a group of devices.

    key: by which other entries name them.  groups: keys of groups that they belong to.
    is_child: the file says so.  stands_for_all: for whoever has no settings of their own; the file
    has no name for them.
    """

    key: str
    name: str
    groups: frozenset[str] = frozenset()
    is_child: bool = False
    stands_for_all: bool = False


@dataclass(frozen=True, slots=True)
class DeviceWish:
    """A device.  person: the key of whose it is.  known_by: addresses, networks and MACs, as the
    file writes them."""

    person: str
    name: str
    known_by: tuple[str, ...]
    kind: DeviceKind = DeviceKind.OTHER


@dataclass(frozen=True, slots=True)
class RuleWish:
    """An allow or a block.  target: as in a rule of a household.  scopes: for each a rule."""

    action: RuleAction
    target: str
    scopes: tuple[str, ...] = (EVERYONE,)
    note: str = ""


@dataclass(frozen=True, slots=True)
class LineWish:
    """What a household's rule cannot say: a line for a list of one's own, as ad blockers write."""

    line: str
    scopes: tuple[str, ...] = (EVERYONE,)

    @property
    def is_exception(self) -> bool:
        """Whether it opens something: in a list, only what that list blocks."""
        return self.line.startswith("@@")


@dataclass(frozen=True, slots=True)
class ListWish:
    """A list that is fetched.  opens: an allow-list."""

    url: str
    title: str = ""
    opens: bool = False
    scopes: tuple[str, ...] = (EVERYONE,)


class SettingKind(StrEnum):
    """What is set for a person."""

    CATEGORY = "category"  # blocked
    SERVICE = "service"  # blocked
    SEARCH = "search"  # a search engine that is made safe
    SWITCH = "switch"  # a field that is only on or off


class Switch(StrEnum):
    """A field of a person that is only on or off."""

    SECURITY = "security"
    BYPASS = "bypass"


@dataclass(frozen=True, slots=True)
class SettingWish:
    """Something that is set for some.

    id: what it is called here; "" where there is no such thing.  times: when what is blocked is
    open all the same, as `time.schedule` reads slots; None: never.
    """

    kind: SettingKind
    id: str
    scopes: tuple[str, ...] = (EVERYONE,)
    times: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LocalWish:
    """A name with an address.  name: `*.` before it stands for what is below it."""

    name: str
    value: str
    scope: str = EVERYONE


@dataclass(frozen=True, slots=True)
class RewriteWish:
    """A name that is answered with another one's data.  name: as in a rule."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class UpstreamsWish:
    """Servers that are asked for a name, and those below it; "." is every name."""

    name: str
    servers: tuple[str, ...]
    scope: str = EVERYONE


@dataclass(frozen=True, slots=True)
class NoWish:
    """What cannot come over.  why: for people."""

    why: Sentence


Wish = (
    PersonWish
    | DeviceWish
    | RuleWish
    | LineWish
    | ListWish
    | SettingWish
    | LocalWish
    | RewriteWish
    | UpstreamsWish
    | NoWish
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One thing that a file says.

    place: where, such as "line 12" or "gravity.db: client 3".  text: what it says, printable.
    """

    place: str
    text: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class FoundSettings:
    """All that a file says.  timezone: in which its times are; "" for the machine's."""

    product: Product
    entries: tuple[FileEntry, ...]
    timezone: str = ""

    def call_all(self, name: str) -> FoundSettings:
        """Return the same, with a name in the reader's language for those without settings of
        their own."""
        return replace(self, entries=tuple(_rename(each, name) for each in self.entries))


def _rename(entry: FileEntry, name: str) -> FileEntry:
    wish = entry.wish
    if isinstance(wish, PersonWish) and wish.stands_for_all:
        return replace(entry, wish=replace(wish, name=name))
    return entry


class EntryCollector:
    """Takes down the entries of one file, up to a bound."""

    def __init__(self) -> None:
        self.entries: list[FileEntry] = []

    def add(self, place: str, text: object, wish: Wish) -> None:
        """Note an entry of the file, with the place where it stands, such as "line 12"; raise
        MoveInError for more than MAX_ENTRIES."""
        if len(self.entries) >= MAX_ENTRIES:
            raise MoveInError(
                "this file has more than %(most)s entries; move long lists into files of their own "
                "first",
                name="file",
                most=MAX_ENTRIES,
            )
        self.entries.append(FileEntry(place, show(text), wish))

    def leave(self, place: str, text: object, why: Sentence) -> None:
        """Take down what cannot come over, and why."""
        self.add(place, text, NoWish(why))


def show(value: object) -> str:
    """Return what a file says as one printable line, cut where it is long."""
    text = str(value)[: _SHOWN + 1]
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


WRONG_SHAPE: Final = sentence("this is not written as that program writes it")
TURNED_OFF: Final = sentence("it was turned off there")
NOT_THE_FAMILY: Final = sentence(
    "this setting is only for the other program, so you do not need it here"
)
NO_COUNTERPART: Final = sentence("copdns has nothing that matches this")

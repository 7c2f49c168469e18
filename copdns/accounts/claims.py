"""Who can speak for a person: what counts as proof, and what a guardian's change does to it.  Pure.

Guardians say whose a device is, so they could add their own, link a browser there, and speak as
the child.  So what they change is told to that person for a week, as a claim; and a browser that
is linked after such a change, or a PIN that a guardian set, is proof of person only a day after it
was announced on all pages of the device, unless somebody there objected.  docs/accounts.md explains
it to people.  Whoever holds an unlocked device speaks for it.

On the first day of a household there is nothing to read of anybody yet, and everything was given by
a guardian: the first browser of a person is proof at once then, as for the devices that a household
has from its first file.  It is announced for a day as the others are, so that whoever comes after
somebody who took their place can object.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from copdns.accounts.moves import Move
from copdns.model.household import Device, Household

DAY = 86_400
WATCHED_FOR = 7 * DAY  # after a guardian's change a new browser is no proof at once
FIRST_DAY = DAY  # of a household, from its first account on
ANNOUNCED_FOR = DAY  # between the announcement and the proof
SHOWN_FOR = 7 * DAY  # on the pages of the person
IN_SIGHT = 1  # sentences about claims that the start page shows at once; the others fold away


class ClaimKind(StrEnum):
    """By what somebody can count as a person; the values are stored."""

    DEVICE = "device"  # a device is theirs now
    ADDRESS = "address"
    MAC = "mac"
    OPENING = "opening"  # another browser can be linked
    PAIRING = "pairing"  # a browser that was linked after one of those above
    FIRST = "first"  # a person's first browser, which counts at once
    PIN = "pin"
    GUEST = "guest"  # a device is theirs for a day
    TOKEN = "token"  # noqa: S105  # a device is recognised away from home, too


# After one of these a guardian's own browser may come.
_OPENS = frozenset(
    {
        ClaimKind.DEVICE,
        ClaimKind.ADDRESS,
        ClaimKind.MAC,
        ClaimKind.OPENING,
        ClaimKind.TOKEN,
    }
)
# These are proof, or become it by themselves, unless somebody objects.
CONTESTABLE = frozenset({ClaimKind.PAIRING, ClaimKind.FIRST, ClaimKind.PIN})


class Claim(NamedTuple):
    """Something by which somebody counts as a person from now on.

    device: its id, "" for none.  author: who gave it, in people's words; the device itself for a
    browser that was linked.  at: seconds since the epoch.  pairing: the id of the browser, "" for
    others.  objected: when somebody at the device objected; None for nobody.
    """

    household: str
    id: str
    profile: str
    device: str
    kind: ClaimKind
    author: str
    at: int
    pairing: str = ""
    objected: int | None = None

    @property
    def proof_from(self) -> int:
        """When a browser or PIN becomes proof, unless somebody objects."""
        return self.at + ANNOUNCED_FOR

    def may_be_objected(self, now: float) -> bool:
        """Tell whether an objection still keeps it from being proof."""
        return self.kind in CONTESTABLE and self.objected is None and now < self.proof_from

    def is_shown(self, now: float) -> bool:
        """Tell whether it is in sight."""
        return self.at <= now < self.at + SHOWN_FOR


# Claims that one sentence tells, the newest first.
AlikeClaims = tuple[Claim, ...]


class FoldedClaims(NamedTuple):
    """The claims of a page, in each part the newest first.

    contestable: can still be objected to, and in sight.  new: in sight besides.  older: folded
    away.
    """

    contestable: tuple[AlikeClaims, ...]
    new: tuple[AlikeClaims, ...]
    older: tuple[AlikeClaims, ...]


def fold_claims(claims: Iterable[Claim], now: float, *, on_start: bool) -> FoldedClaims:
    """Return which claims are in sight on a page, and which fold away; those that say the same are
    together.

    In sight on every page is what can still be objected to, since a child may open no other one;
    on the start page, below what applies now, the newest too.  Other pages are opened for something
    else: there the rest folds into a line (`claims.html`).
    claims: that are shown, the newest first.
    """
    alike: dict[tuple[object, ...], list[Claim]] = {}
    for each in claims:
        said = (each.kind, each.device, each.author, each.objected is not None)
        alike.setdefault((*said, each.may_be_objected(now)), []).append(each)
    groups = [tuple(each) for each in alike.values()]
    contestable = tuple(each for each in groups if each[0].may_be_objected(now))
    newest = groups[:IN_SIGHT] if on_start else []
    new = tuple(each for each in newest if each not in contestable)
    return FoldedClaims(
        contestable, new, tuple(each for each in groups if each not in (*contestable, *new))
    )


def is_watched(claims: Iterable[Claim], device: str, now: int) -> bool:
    """Tell whether a guardian changed by what a device is known, in the last seven days."""
    return any(
        each.device == device and each.kind in _OPENS and 0 <= now - each.at < WATCHED_FOR
        for each in claims
    )


def proof_of_pairing(
    claims: Iterable[Claim], device: str, now: int, first_day: int | None = None
) -> int:
    """Return from when on a browser that is linked now proves who uses the device.

    first_day: when the household or its first account was made, of a person who never had a
    browser; None for anybody else.
    """
    claims = tuple(claims)
    # Where one more was let in, somebody may have had one here that was removed; and who adds their
    # own address to a device that is in use would read what was blocked there.
    given = {each.kind for each in claims if each.device == device}
    is_new = given.isdisjoint(_OPENS - {ClaimKind.DEVICE})
    if is_new and first_day is not None and 0 <= now - first_day < FIRST_DAY:
        return now
    return now + ANNOUNCED_FOR if is_watched(claims, device, now) else now


class DeviceClaim(NamedTuple):
    """What a change of the household gives a person.  device: its id."""

    profile: str
    device: str
    kind: ClaimKind


def device_claims(before: Household, after: Household) -> tuple[DeviceClaim, ...]:
    """Return by what people are known after a change, and were not before."""
    there = {each.id: each for each in before.devices}
    return tuple(
        DeviceClaim(each.profile, each.id, kind)
        for each in after.devices
        for kind in _new_kinds(there.get(each.id), each)
    )


def kept_claims(
    before: Household, after: Household, moves: Iterable[Move], now: float
) -> tuple[DeviceClaim, ...]:
    """Return what a change gives devices that are to be somebody else's, as claims of whose they
    still are: until the move takes effect, that person has the device with what it is given.

    moves: those after the change.
    """
    there = {each.id: each for each in before.devices}
    devices = {each.id: each for each in after.devices}
    return tuple(
        DeviceClaim(move.profile, move.device, kind)
        for move in moves
        if move.is_open(now) and move.device in there and move.device in devices
        if devices[move.device].profile != move.profile
        for kind in _grown_kinds(there[move.device], devices[move.device])
    )


def _new_kinds(before: Device | None, after: Device) -> tuple[ClaimKind, ...]:
    if before is None or before.profile != after.profile:
        return (ClaimKind.DEVICE,)
    return _grown_kinds(before, after)


def _grown_kinds(before: Device, after: Device) -> tuple[ClaimKind, ...]:
    found = []
    if not set(after.addresses) <= set(before.addresses):
        found.append(ClaimKind.ADDRESS)
    if not set(after.macs) <= set(before.macs):
        found.append(ClaimKind.MAC)
    if not set(after.tokens) <= set(before.tokens):
        found.append(ClaimKind.TOKEN)
    return tuple(found)

"""The rules that no guardian can hurry past: a full log, and a lower age band (docs/privacy.md).

The store passes every profile through `adopt`, so pages, commands, imports and restores all obey
these rules; the other functions are its parts, for callers that check before they change.  Pure:
`now` is given, in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from copdns.model.errors import PrivacyError
from copdns.model.household import AnnouncedBandChange, Band, FullLogSpan, PrivacyMode, Profile

DAY = 86_400
NOTICE = DAY  # between announcing and doing
LONGEST = 7 * DAY
ONCE_IN = 30 * DAY  # from start to start
KNOWN_FOR = 30 * DAY  # a person must be, so that none is invented to record another's device

ANNOUNCED_FROM = 13  # years: old enough to be told before
CONSENT_FROM = 16  # years: old enough to be asked


def default_mode(band: Band | None) -> PrivacyMode:
    """Return what is kept unless someone chose otherwise; None is a guest."""
    if band is None or band.age >= ANNOUNCED_FROM:
        return PrivacyMode.COUNTS
    return PrivacyMode.BLOCKED


def request_full(
    profile: Profile,
    history: Sequence[FullLogSpan],
    now: int,
    days: int = 7,
    *,
    consented: bool = False,
) -> FullLogSpan:
    """Return the stretch that a full log asked for now would cover; raise PrivacyError.

    history: every stretch that was ever granted to the profile.  days: 1 to 7.  consented: the
    person says yes on their own device (`privacy/consent.py`).
    """
    wanted = FullLogSpan(now, now + days * DAY)
    return _check_full_log(profile, profile.band_at(now), history, wanted, now, consented=consented)


def change_band(profile: Profile, band: Band, now: int) -> Profile:
    """Return the profile with another age band: at once, or announced when that lowers it.

    Below 13 the announcement would protect nobody: a full log needs none there.  A repeated
    announcement keeps its moment.  A running full log ends where the new band needs consent.
    """
    profile = with_due_band(profile, now)
    if is_announced(profile, band, now):
        pending = profile.band_change
        if pending is not None and pending.band is band:
            return profile
        return replace(profile, band_change=AnnouncedBandChange(band, now + NOTICE))
    full_log = None if _reaches_consent_age(profile.band, band) else profile.full_log
    return replace(profile, band=band, band_change=None, full_log=full_log)


def is_announced(profile: Profile, band: Band, now: int) -> bool:
    """Tell whether another age band is announced first, and not in force at once."""
    age = profile.band_at(now).age
    return age >= ANNOUNCED_FROM and band.age < age


def with_due_band(profile: Profile, now: int) -> Profile:
    """Return the profile with an announced band in force when its moment has come.

    A full log that an adult agreed to ends: guardians could not see it.
    """
    change = profile.band_change
    if change is None or now < change.at:
        return profile
    was_hidden = not profile.band.is_child and change.band.is_child
    full_log = None if was_hidden else profile.full_log
    return replace(profile, band=change.band, band_change=None, full_log=full_log)


def adopt(
    old: Profile | None,
    new: Profile,
    history: Sequence[FullLogSpan],
    now: int,
    *,
    consented: bool = False,
    made: int | None = None,
) -> Profile:
    """Return what may be stored of a profile that came from anywhere; raise PrivacyError.

    old: the stored one, None for a new profile.  history, consented: as for `request_full`.
    made: when it was added to a household; None where it came with it.
    A full log that differs from the stored one is a request for it, from its own start on when
    that is later; one that is over, is dropped.  A lower band becomes an announcement.
    """
    if new.privacy is PrivacyMode.FULL:
        raise PrivacyError(
            "profile '%(new)s': privacy cannot be `full`; start a full log of 1 to 7 days instead",
            new=new.id,
        )
    new = with_due_band(new, now)
    old = with_due_band(old, now) if old is not None else None
    adopted = _adopt_band(old or replace(new, band_change=None), new, now)
    asked = replace(adopted, full_log=new.full_log)
    full_log = _adopt_full_log(old, asked, history, now, consented=consented)
    if full_log is not None and (old is None or full_log != old.full_log):
        require_known_for_long(new, made, now)
    return replace(adopted, full_log=full_log)


def require_known_for_long(profile: Profile, made: int | None, now: int) -> None:
    """Raise PrivacyError where a person was added less than 30 days ago: no full log is of them.

    made: as for `adopt`.
    """
    if made is not None and now < made + KNOWN_FOR:
        raise PrivacyError(
            "profile '%(profile)s' was added less than 30 days ago; a full log is possible from "
            "%(when)s",
            profile=profile.id,
            when=_when(made + KNOWN_FOR),
        )


class RepairedProfile(NamedTuple):
    """A profile as it may be stored, and what was left out of it, in words for people."""

    profile: Profile
    said: tuple[str, ...] = ()


def repair_profile(
    old: Profile | None,
    written: Profile,
    history: Sequence[FullLogSpan],
    now: int,
    made: int | None = None,
) -> RepairedProfile:
    """Return what may be stored of a profile of a database that comes from elsewhere.

    As `adopt`, but what is not allowed falls back to what is, instead of refusing all of it: the
    rest of a backup is wanted.  written: as it stands there, whoever wrote it.  made: as for
    `adopt`.
    """
    said = []
    profile = enforce_limits(written)
    if profile.privacy is not written.privacy:
        said.append(f"a full log lasts only a few days, so privacy is now `{profile.privacy}`")
    full = written.full_log
    # The stretch itself stands among those that were granted, and is no other one.
    earlier = [each for each in history if each != full]
    try:
        adopted = adopt(old, replace(profile, full_log=full), earlier, now, made=made)
    except PrivacyError as error:
        kept = old.full_log if old is not None else None
        said.append(_not_taken_over(profile, is_full=full not in (None, kept), error=error))
        adopted = adopt(old, replace(profile, full_log=kept, band_change=None), earlier, now)
    if adopted.band is not profile.band and adopted.band_change is not None:
        said.append(f"the age group {profile.band} is announced first, and applies a day later")
    if full is not None and adopted.full_log is not None and adopted.full_log != full:
        start, end = _when(adopted.full_log.start), _when(adopted.full_log.end)
        said.append(f"the full log runs from {start} to {end}")
    return RepairedProfile(adopted, tuple(said))


def _not_taken_over(profile: Profile, *, is_full: bool, error: PrivacyError) -> str:
    """Say what of a backup is left out, and why: the error may be of one of the two."""
    what = ["the full log"] if is_full else []
    if profile.band_change is not None:
        what.append("the announced age group")
    why = str(error).removeprefix(f"profile '{profile.id}': ")
    return f"not restored from the backup: {' and '.join(what)} ({why})"


def enforce_limits(profile: Profile, *, agreed: bool = False) -> Profile:
    """Return what a stored profile means: itself, unless somebody wrote it by hand.

    Whatever stands in the database, nobody is watched for longer than may be, nor from 16 on
    without a yes.  agreed: its full log is one of those that were granted.
    """
    if profile.privacy is PrivacyMode.FULL:
        profile = replace(profile, privacy=default_mode(profile.band))
    full = profile.full_log
    if full is not None and (
        (profile.band.age >= CONSENT_FROM and not agreed)
        or not 0 < full.end - full.start <= LONGEST
    ):
        profile = replace(profile, full_log=None)
    return profile


def _adopt_band(old: Profile, new: Profile, now: int) -> Profile:
    """Both without a change that is due: a moment in the past must not pass for a notice."""
    if new.band is not old.band:
        return change_band(replace(new, band=old.band, band_change=old.band_change), new.band, now)
    change = new.band_change
    if change is None or change == old.band_change:
        return new
    if change.band.age >= new.band.age:
        raise PrivacyError(
            "profile '%(new)s': only a lower age group is announced in advance; set band "
            "%(band)s directly",
            new=new.id,
            band=change.band,
        )
    if new.band.age < ANNOUNCED_FROM:
        return new
    return replace(new, band_change=AnnouncedBandChange(change.band, max(change.at, now + NOTICE)))


def _adopt_full_log(
    old: Profile | None, new: Profile, history: Sequence[FullLogSpan], now: int, *, consented: bool
) -> FullLogSpan | None:
    wanted = new.full_log
    if wanted is None or wanted.end <= wanted.start:
        return None
    if old is not None and old.full_log is not None:
        stored = old.full_log
        if wanted.start == stored.start and wanted.end <= stored.end:  # as it was, or shorter
            return None if _reaches_consent_age(old.band, new.band) else wanted
        history = (*history, stored)
    if wanted.end <= now:
        return None
    asked = replace(wanted, start=max(wanted.start, now))
    return _check_full_log(new, new.band, history, asked, now, consented=consented)


def _reaches_consent_age(old: Band, new: Band) -> bool:
    return old.age < CONSENT_FROM <= new.age


def _check_full_log(
    profile: Profile,
    band: Band,
    history: Sequence[FullLogSpan],
    wanted: FullLogSpan,
    now: int,
    *,
    consented: bool,
) -> FullLogSpan:
    """Return the wanted stretch, moved behind its announcement; raise PrivacyError."""
    if band.age >= CONSENT_FROM and not consented:
        raise PrivacyError(
            "profile '%(profile)s': from the age of 16, a full log needs their consent, given on "
            "their own device",
            profile=profile.id,
        )
    length = wanted.end - wanted.start
    if not 0 < length <= LONGEST:
        raise PrivacyError(
            "profile '%(profile)s': a full log lasts at most 7 days; choose fewer days",
            profile=profile.id,
        )
    notice = NOTICE if band.age >= ANNOUNCED_FROM else 0
    start = max(wanted.start, now + notice)
    near = [each.start for each in history if abs(start - each.start) < ONCE_IN]
    if near:
        raise PrivacyError(
            "profile '%(profile)s': a full log is possible once every 30 days; the next can "
            "start at %(near)s",
            profile=profile.id,
            near=_when(max(near) + ONCE_IN),
        )
    return FullLogSpan(start, start + length)


def _when(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"

"""What is recorded of people, as commands show and change it: views, age groups, full logs."""

from __future__ import annotations

import click

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Actor, Role
from copdns.cli.home import AUTHOR, Home
from copdns.household.ages import AgeConfirmation
from copdns.model.household import Band, FullLogSpan, Profile
from copdns.store.household_db.ages import Ages
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.looks import Looks
from copdns.store.household_db.proposals import Proposal, Proposals
from copdns.store.household_db.thread import StoreThread


def full_logs(home: Home, profile_id: str) -> tuple[FullLogSpan, ...]:
    """Return every full log that was ever granted to a profile."""
    household = home.load_household()
    if household is None:
        return ()
    return home.read_store(lambda store: store.full_logs(household.id, profile_id))


def record_view(home: Home, profile: str, *views: ViewedPart) -> None:
    """Record that someone views a person's records, before anything is shown.  "": everyone's.

    The person sees it on their page, as they see views on the dashboard.  If it cannot be
    recorded, StoreError is raised, and nothing may be shown.
    """
    household = home.load_household()
    if household is None:
        return  # nobody is known yet
    people = [each.id for each in household.profiles if profile in ("", each.id)]
    # Anyone who can run this on the machine can do everything there.
    who = Actor(household.id, "", AUTHOR, Role.OWNER)
    if people:
        home.with_store(
            lambda store: Looks(StoreThread(store)).note_all(who, people, views, home.now)
        )


def follow_band(home: Home, before: Profile, band: Band, *, rules: bool) -> Proposal | None:
    """Propose the rules of an age group that was just announced, or end earlier proposals.

    before: the profile before the change.  rules: False: only the age group was wanted.
    """
    who = Actor(home.household.id, "", AUTHOR, Role.OWNER)
    return home.with_store(
        lambda store: Proposals(StoreThread(store)).propose_or_drop(
            who, before, band, home.now, rules=rules
        )
    )


def age_confirmation(home: Home, profile: str) -> AgeConfirmation | None:
    """Return when it was last said that an age group is right; None where that is not known."""
    household = home.load_household()
    if household is None:
        return None
    return home.read_store(lambda store: Ages(StoreThread(store)).all(household.id)).get(profile)


def store_confirmed_age(home: Home, profile: str) -> None:
    """Store that an age group is still right."""
    household = home.household.id
    home.with_store(
        lambda store: Ages(StoreThread(store)).confirm(household, profile, AUTHOR, home.now)
    )


def erase_records(home: Home, profile: str) -> None:
    """Delete a person's records; the entry in the audit log is written first."""
    household = home.load_household()
    if household is not None:
        home.with_store(lambda store: store.note_erasure(household.id, profile, AUTHOR, home.now))
    home.log.erase(home.household.id, profile, home.now)
    if household is not None:
        home.with_store(lambda store: AppealStore(store).erase(household.id, profile))


def tell_of_backups(home: Home, what: str) -> None:
    """Say how long scheduled backups still have what was just deleted, where any are made."""
    if days := home.settings.backup.days:
        click.echo(
            f"automatic backups still have {what}: for {days} day{'s'[: days > 1]} at most, "
            "as long as new ones are made"
        )

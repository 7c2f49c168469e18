"""A newer copdns, whose schema has a step that only adds, and one that contracts.

As a program, `python -m tests.unit.store.newer WORDS`, it is `copdns WORDS` of that version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from copdns.cli import main
from copdns.store.connection import SqlConnection
from copdns.store.household_db.migrations import HOUSEHOLD

ADDS, CONTRACTS = "9998_mood", "9999_no_former_mood"


def _add(db: SqlConnection) -> None:
    db.execute("alter table profile add column mood text not null default ''")
    db.execute(
        """
        create table mood_note (
            household text not null references household on delete cascade,
            profile text not null,
            former text not null,
            primary key (household, profile)
        ) without rowid"""
    )


def _contract(db: SqlConnection) -> None:
    db.execute("alter table mood_note drop column former")


@contextmanager
def newer_steps() -> Iterator[None]:
    """Be the newer version in this process."""
    HOUSEHOLD(name=ADDS, expands=True)(_add)
    HOUSEHOLD(name=CONTRACTS, contracts=ADDS)(_contract)
    try:
        yield
    finally:
        del HOUSEHOLD._steps[ADDS], HOUSEHOLD._steps[CONTRACTS], HOUSEHOLD._contracting[CONTRACTS]
        HOUSEHOLD._expanding.remove(ADDS)


if __name__ == "__main__":
    with newer_steps():
        main()

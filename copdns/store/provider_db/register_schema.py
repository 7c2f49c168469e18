"""The tables of a provider's own, in PostgreSQL alone: no home has them."""

from __future__ import annotations

from copdns.store.postgres.connection import PostgresConnection
from copdns.store.schema_steps import SchemaSteps

PROVIDER = SchemaSteps("provider")


@PROVIDER(name="0001_register")
def register(db: PostgresConnection) -> None:
    """The register: lines are added at its end, and no statement changes or deletes one.

    body: JSON of the event; the names of a confidential order are sealed in it.
    """
    for statement in _REGISTER:
        db.run_here(statement)


@PROVIDER(name="0002_staff_sessions")
def staff_sessions(db: PostgresConnection) -> None:
    """Logins of the staff that are under way, and their sessions.  Digests are SHA-256, in hex."""
    for statement in _SESSIONS:
        db.run_here(statement)


_SESSIONS = (
    """
    create table staff_attempt (
        state text collate "C" primary key,
        nonce text collate "C" not null,
        verifier text collate "C" not null,
        began bigint not null,
        is_step_up bigint not null
    )""",
    """
    create table staff_session (
        digest text collate "C" primary key,
        staff text collate "C" not null,
        began bigint not null,
        used bigint not null,
        proven bigint not null
    )""",
)

_REGISTER = (
    """
    create table register_entry (
        number bigint primary key,
        at bigint not null,
        by text collate "C" not null,
        kind text collate "C" not null,
        body text not null,
        digest text collate "C" not null unique
    )""",
    """
    create function keep_register() returns trigger language plpgsql as $$
    begin
        raise exception 'an entry of the register stays as it was written';
    end $$""",
    """
    create trigger register_entry_stays before update or delete or truncate on register_entry
        for each statement execute function keep_register()""",
)

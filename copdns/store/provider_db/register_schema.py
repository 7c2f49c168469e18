"""The tables of a provider's own, in PostgreSQL alone: no home has them."""

from __future__ import annotations

from typing import Final

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


@PROVIDER(name="0003_desk")
def desk(db: PostgresConnection) -> None:
    """Cases of the reviewers' desk, and their decisions; nobody who asks is in them."""
    for statement in _DESK:
        db.run_here(statement)


_DESK = (
    """
    create table desk_case (
        number bigint generated always as identity primary key,
        tenant text collate "C" not null,
        origin text collate "C" not null,
        name text collate "C" not null,
        list text collate "C" not null,
        entry text collate "C" not null,
        reason text collate "C" not null,
        asked bigint not null,
        due bigint not null,
        drawn text collate "C" not null,
        asked_again bigint not null default 0
    )""",
    "create index desk_case_subject on desk_case (list, entry)",
    """
    create table desk_decision (
        number bigint not null references desk_case on delete cascade,
        place bigint not null,
        by text collate "C" not null,
        at bigint not null,
        reason text collate "C" not null,
        policy text collate "C" not null,
        primary key (number, place)
    )""",
)


@PROVIDER(name="0004_portal_links")
def portal_links(db: PostgresConnection) -> None:
    """Links of portals that were used, until they would be too old anyway."""
    db.run_here(
        """
        create table portal_link (
            digest text collate "C" primary key,
            expires bigint not null
        )"""
    )


@PROVIDER(name="0005_register_head")
def register_head(db: PostgresConnection) -> None:
    """The register's head, signed, apart from its lines; who was at the shell, for each line."""
    db.run_here(
        """
        create table register_head (
            one bigint primary key check (one = 1),
            size bigint not null,
            digest text collate "C" not null,
            signature text collate "C" not null
        )"""
    )
    db.run_here(
        "alter table register_entry add column shell text collate \"C\" not null default ''"
    )


@PROVIDER(name="0006_used_logins")
def used_logins(db: PostgresConnection) -> None:
    """Logins of the staff that were finished.  One that is under way is in its browser alone."""
    db.run_here("drop table staff_attempt")
    db.run_here(
        """
        create table used_login (
            state text collate "C" primary key,
            began bigint not null
        )"""
    )


@PROVIDER(name="0007_passed_on")
def review_questions(db: PostgresConnection) -> None:
    """Which requests guardians passed on to the reviewers; whose tenant a household is."""
    db.run_here(
        """
        create table passed_on (
            household text collate "C" not null references household (household) on delete cascade,
            appeal text collate "C" not null,
            desk_case bigint not null references desk_case on delete cascade,
            by text not null,
            at bigint not null,
            primary key (household, appeal),
            foreign key (household, appeal) references appeal (household, id) on delete cascade
        )"""
    )
    db.run_here(
        """
        create table household_tenant (
            household text collate "C" primary key
                references household (household) on delete cascade,
            tenant text collate "C" not null
        )"""
    )


@PROVIDER(name="0008_device_by_token")
def device_by_token(db: PostgresConnection) -> None:
    """So that the device of a token is found among those of all households (`FamilyCodes`)."""
    db.run_here(
        """
        create index device_by_token on device using gin ((tokens::jsonb)) where tokens <> '[]'
        """
    )


@PROVIDER(name="0009_tenant_look")
def tenant_look(db: PostgresConnection) -> None:
    """A tenant's name, colours and texts (`TenantLook`).  texts: JSON, by language."""
    db.run_here(
        """
        create table tenant_look (
            tenant text collate "C" primary key,
            name text not null,
            light text collate "C" not null,
            dark text collate "C" not null,
            contact text not null,
            texts text not null
        )"""
    )


@PROVIDER(name="0010_rollouts")
def rollouts(db: PostgresConnection) -> None:
    """What reaches all nodes in stages, and what nodes tell of themselves; no subscriber is in it.

    A file stands once, whatever rollouts have it.  latencies: as `NodeFigures` has them.
    """
    for statement in _ROLLOUTS:
        db.run_here(statement)


@PROVIDER(name="0011_schema_stages")
def schema_stages(db: PostgresConnection) -> None:
    """What the version of a rollout has to know of the schema; whether there is a way back."""
    db.run_here("alter table rollout add column is_final bigint not null default 0")
    db.run_here(
        """
        create table rollout_schema (
            rollout bigint not null references rollout on delete cascade,
            step text collate "C" not null,
            primary key (rollout, step)
        )"""
    )


@PROVIDER(name="0012_rollout_messages")
def rollout_messages(db: PostgresConnection) -> None:
    """What the staff are told of rollouts.  taken: when a node began to send it; 0 for not yet."""
    db.run_here(
        """
        create table rollout_message (
            number bigint generated always as identity primary key,
            at bigint not null,
            what text collate "C" not null,
            subject bigint not null,
            kind text collate "C" not null,
            label text not null,
            stage text collate "C" not null,
            by text not null,
            why text not null,
            ends bigint not null,
            taken bigint not null default 0,
            told bigint not null default 0
        )"""
    )


@PROVIDER(name="0013_usage_moved", expands=True)
def usage_moved(db: PostgresConnection) -> None:
    """Whose minutes of use moved, in the order in which it was committed; the minutes are in the
    log.  writer: the program that counted them.  at: seconds since the epoch."""
    db.run_here(
        """
        create table usage_moved (
            number bigint generated always as identity primary key,
            household text collate "C" not null,
            writer text collate "C" not null,
            at bigint not null
        )"""
    )


@PROVIDER(name="0015_staff_languages", expands=True)
def staff_languages(db: PostgresConnection) -> None:
    """In which language each of the staff reads; of those who logged in."""
    db.run_here(
        """
        create table staff_language (
            staff text collate "C" primary key,
            language text collate "C" not null
        )"""
    )


@PROVIDER(name="0018_queue_told", expands=True)
def queue_told(db: PostgresConnection) -> None:
    """What the staff were told of their queue (`QueueTold`); no name is in it."""
    db.run_here(
        """
        create table queue_told (
            kind text collate "C" not null,
            number bigint not null,
            due bigint not null,
            what text collate "C" not null,
            taken bigint not null,
            told bigint not null default 0,
            primary key (kind, number, due, what)
        )"""
    )


@PROVIDER(name="0019_rollout_reasons", expands=True)
def rollout_reasons(db: PostgresConnection) -> None:
    """Why copdns took a step, as a code with its values (`RolloutReason`); "" for none."""
    for table in ("rollout_step", "rollout_message"):
        db.run_here(
            f"alter table {table} add column because text collate \"C\" not null default ''"
        )


@PROVIDER(name="0020_device_heard", expands=True)
def device_heard(db: PostgresConnection) -> None:
    """On which day a device was last told apart (`HeardRows`)."""
    db.run_here(
        """
        create table device_heard (
            household text collate "C" not null references household on delete cascade,
            device text collate "C" not null,
            day bigint not null,
            primary key (household, device)
        )"""
    )


@PROVIDER(name="0021_database_roles", expands=True)
def database_roles(db: PostgresConnection) -> None:
    """Which duty each role of the database has (`RoleDuty`).

    Before, only the staff's program could have one: who adds to the register and does not own it.
    """
    db.run_here(
        """
        create table database_role (
            role text collate "C" primary key,
            duty text collate "C" not null
        )"""
    )
    db.run_here(
        """
        insert into database_role (role, duty)
        select distinct r.rolname, 'staff' from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         cross join lateral aclexplode(c.relacl) as given
          join pg_roles r on r.oid = given.grantee
         where n.nspname = current_schema() and c.relname = 'register_entry'
           and given.privilege_type = 'INSERT' and given.grantee <> c.relowner"""
    )


@PROVIDER(name="0022_report_figures", expands=True)
def report_figures(db: PostgresConnection) -> None:
    """What the quarterly report tells, by day, without households, names and hours (`FigureRows`);
    and in which minutes of a day a node answered."""
    db.run_here(
        """
        create table report_figure (
            day bigint not null,
            kind text collate "C" not null,
            label text collate "C" not null,
            number bigint not null,
            primary key (day, kind, label)
        )"""
    )
    db.run_here(
        """
        create table node_minutes (
            day bigint not null,
            node text collate "C" not null,
            site text collate "C" not null,
            answered bit(1440) not null,
            failing bit(1440) not null,
            primary key (day, node, site)
        )"""
    )


@PROVIDER(name="0024_desk_chain_and_sums", expands=True)
def desk_chain_and_sums(db: PostgresConnection) -> None:
    """Decisions of the reviewers' desk as lines (`provider/staff/desk_chain.py`), and the head of
    them, signed; and of each quarter that is over, what the report may tell (`FigureRows`)."""
    db.run_here(
        """
        create table desk_entry (
            number bigint primary key,
            at bigint not null,
            by text collate "C" not null,
            kind text collate "C" not null,
            body text not null,
            digest text collate "C" not null unique,
            shell text collate "C" not null
        )"""
    )
    db.run_here(
        """
        create table desk_head (
            one bigint primary key check (one = 1),
            first bigint not null,
            before text collate "C" not null,
            last bigint not null,
            digest text collate "C" not null,
            signature text collate "C" not null
        )"""
    )
    db.run_here(
        """
        create table report_sum (
            quarter bigint not null,
            kind text collate "C" not null,
            label text collate "C" not null,
            number bigint not null,
            primary key (quarter, kind, label)
        )"""
    )
    over = f"{QUARTER.format(day='(extract(epoch from now()) / 86400)')} > quarter"
    db.run_here(f"insert into report_sum {SAFE_SUMS} where {over}")


# The first day of the quarter of a day; days since 1970, in UTC.
QUARTER: Final = """cast(extract(epoch from date_trunc('quarter',
    timestamp 'epoch' + {day} * interval '1 day')) / 86400 as bigint)"""
_OF_DAY = QUARTER.format(day="day")
# Of each quarter what may be told: numbers of households are made safe where they are counted; of
# look-ups the two leading figures, 0 below 20, of a category that enough families chose, and of the
# layer of families where enough of them have a filter.
SAFE_SUMS: Final = f"""
    select quarter, kind, label,
           case when kind in ('filter', 'chosen') then many
                when many < 20 then 0
                else many - mod(many, cast(power(10, greatest(
                         length(cast(many as text)) - 2, 0)) as bigint)) end
      from (select {_OF_DAY} as quarter, kind, label, cast(sum(number) as bigint) as many,
                   case when kind = 'category' then 'chosen' else 'filter' end as needs,
                   case when kind = 'category' then label else '' end as of_label,
                   kind = 'category' or (kind = 'layer' and label = 'family') as few
              from report_figure group by 1, 2, 3) as found
      join lateral (select case when few then exists (
               select 1 from report_figure c
                where {QUARTER.format(day="c.day")} = quarter and c.kind = needs
                  and c.label = of_label and c.number > 0) else true end as safe) as told on safe
    """  # noqa: S608 - names of this module


_ROLLOUTS = (
    """
    create table rollout (
        number bigint generated always as identity primary key,
        kind text collate "C" not null,
        label text not null
    )""",
    """
    create table rollout_step (
        rollout bigint not null references rollout on delete cascade,
        place bigint not null,
        at bigint not null,
        by text not null,
        stage text collate "C" not null,
        state text collate "C" not null,
        why text not null,
        primary key (rollout, place)
    )""",
    """
    create table rollout_content (
        digest text collate "C" primary key,
        packed bytea not null
    )""",
    """
    create table rollout_file (
        rollout bigint not null references rollout on delete cascade,
        name text collate "C" not null,
        digest text collate "C" not null references rollout_content,
        primary key (rollout, name)
    )""",
    "create index rollout_file_content on rollout_file (digest)",
    """
    create table rollout_freeze (
        number bigint generated always as identity primary key,
        begins bigint not null,
        ends bigint not null,
        by text not null,
        why text not null
    )""",
    """
    create table fleet_node (
        name text collate "C" primary key,
        site text collate "C" not null,
        is_canary bigint not null,
        seen bigint not null,
        families text collate "C" not null,
        answers bigint not null,
        is_failing bigint not null default 0
    )""",
    """
    create table fleet_taken (
        node text collate "C" not null references fleet_node on delete cascade,
        kind text collate "C" not null,
        rollout bigint not null,
        at bigint not null,
        primary key (node, kind)
    )""",
    """
    create table fleet_figures (
        node text collate "C" not null references fleet_node on delete cascade,
        at bigint not null,
        queries bigint not null,
        servfails bigint not null,
        blocks bigint not null,
        latencies bigint[] not null,
        primary key (node, at)
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

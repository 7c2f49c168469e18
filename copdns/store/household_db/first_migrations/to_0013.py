"""The first steps of the schema of `household.db`: profiles, devices, rules, times and requests.

Released, so never edited.
"""

from __future__ import annotations

from sqlite3 import Connection

from copdns.store.schema_steps import SchemaSteps

HOUSEHOLD = SchemaSteps("household")


@HOUSEHOLD(name="0001_household")
def household(db: Connection) -> None:
    db.execute("""
        create table household (
            household text primary key,
            name text not null,
            timezone text not null,
            guest text not null,
            protected text not null,
            revision integer not null
        ) without rowid""")


@HOUSEHOLD(name="0002_profile")
def profile(db: Connection) -> None:
    """`position` keeps the order of a tuple; texts that hold lists are JSON."""
    db.execute("""
        create table profile (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            name text not null,
            band text not null,
            tags text not null,
            security integer not null,
            categories text not null,
            services text not null,
            contacts text not null,
            safe_search text not null,
            no_safe_search integer not null,
            bypass integer not null,
            canaries text not null,
            "default" text not null,
            block_mode text not null,
            privacy text not null,
            full_log_start integer,
            full_log_end integer,
            band_change_to text,
            band_change_at integer,
            max_ttl integer,
            primary key (household, id)
        ) without rowid""")


@HOUSEHOLD(name="0003_device")
def device(db: Connection) -> None:
    db.execute("""
        create table device (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            name text not null,
            profile text not null,
            addresses text not null,
            primary key (household, id),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")


@HOUSEHOLD(name="0004_rule")
def rule(db: Connection) -> None:
    db.execute("""
        create table rule (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            action text not null,
            target text not null,
            scope text not null,
            over_security integer not null,
            unsafe_search integer not null,
            note text not null,
            created integer not null,
            primary key (household, id)
        ) without rowid""")


@HOUSEHOLD(name="0005_own_service")
def own_service(db: Connection) -> None:
    db.execute("""
        create table own_service (
            household text not null references household on delete cascade,
            slug text not null,
            position integer not null,
            title text not null,
            names text not null,
            contact text not null,
            primary key (household, slug)
        ) without rowid""")


@HOUSEHOLD(name="0006_own_names")
def own_names(db: Connection) -> None:
    db.execute("""
        create table local_name (
            household text not null references household on delete cascade,
            name text not null,
            position integer not null,
            addresses text not null,
            primary key (household, name)
        ) without rowid""")
    db.execute("""
        create table name_rewrite (
            household text not null references household on delete cascade,
            matcher text not null,
            position integer not null,
            target text not null,
            primary key (household, matcher)
        ) without rowid""")
    db.execute("""
        create table split_upstream (
            household text not null references household on delete cascade,
            name text not null,
            position integer not null,
            upstreams text not null,
            primary key (household, name)
        ) without rowid""")


@HOUSEHOLD(name="0007_memory")
def memory(db: Connection) -> None:
    """What outlives the profile it is about: a profile made anew starts with no clean slate."""
    db.execute("""
        create table full_log_history (
            household text not null,
            profile text not null,
            starts integer not null,
            ends integer not null,
            primary key (household, profile, starts)
        ) without rowid""")
    db.execute("""
        create table former_profile (
            household text not null,
            id text not null,
            band text not null,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create table change (
            id integer primary key,
            household text not null,
            revision integer not null,
            at integer not null,
            author text not null,
            what text not null
        )""")


@HOUSEHOLD(name="0008_device_macs")
def device_macs(db: Connection) -> None:
    db.execute("alter table device add column macs text not null default '[]'")


@HOUSEHOLD(name="0009_calendar")
def calendar(db: Connection) -> None:
    """days: JSON, from a date to what it is."""
    for column in (
        'weekend text not null default \'["sat", "sun"]\'',
        "days text not null default '{}'",
        "day_starts integer not null default 0",
        "failure_clock text not null default 'last_known'",
        "failure_lists text not null default 'last_known'",
        "failure_devices text not null default 'last_known'",
    ):
        db.execute(f"alter table household add column {column}")


@HOUSEHOLD(name="0010_always")
def always(db: Connection) -> None:
    for column in ("always", "homework"):
        db.execute(f"alter table profile add column {column} text not null default '[]'")


@HOUSEHOLD(name="0011_schedule_and_budget")
def schedule_and_budget(db: Connection) -> None:
    """slots: JSON, [[days, start, length], ...].  minutes: JSON, [[day, minutes], ...]."""
    db.execute("""
        create table schedule (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            scope text not null,
            slots text not null,
            about text not null,
            opens integer not null,
            grace integer not null,
            note text not null,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create table budget (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            scope text not null,
            minutes text not null,
            about text not null,
            carry_over integer not null,
            grace integer not null,
            note text not null,
            primary key (household, id)
        ) without rowid""")


@HOUSEHOLD(name="0012_what_ends_by_itself")
def what_ends_by_itself(db: Connection) -> None:
    """`HouseholdStore.tidy` deletes it some time after it ended."""
    db.execute("""
        create table pause (
            household text not null references household on delete cascade,
            profile text not null,
            position integer not null,
            starts integer not null,
            ends integer,
            homework integer not null,
            author text not null,
            primary key (household, profile),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")
    db.execute("""
        create table grant (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            profile text not null,
            about text,
            starts real not null,
            ends real not null,
            given real not null,
            content integer not null,
            time integer not null,
            origin text not null,
            author text not null,
            note text not null,
            primary key (household, id),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")
    db.execute("""
        create table bonus (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            profile text not null,
            budget text not null,
            day text not null,
            minutes integer not null,
            kind text not null,
            author text not null,
            at integer not null,
            primary key (household, id),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")
    db.execute("""
        create table ticket (
            household text not null references household on delete cascade,
            id text not null,
            position integer not null,
            digest text not null,
            minutes integer not null,
            made integer not null,
            expires integer not null,
            profile text not null,
            about text,
            label text not null,
            author text not null,
            redeemed integer,
            redeemed_by text not null,
            primary key (household, id)
        ) without rowid""")


@HOUSEHOLD(name="0013_appeal")
def appeal(db: Connection) -> None:
    """No `references profile`: its rows are replaced whole, which would delete what hangs on them.
    `mark` is what events tell of, `told` what they told last.  A list error has no profile on
    purpose."""
    db.execute("""
        create table appeal (
            household text not null references household on delete cascade,
            id text not null,
            profile text not null,
            device text not null,
            kind text not null,
            name text not null,
            why text not null,
            words text not null,
            wanted text not null,
            minutes integer not null,
            day text,
            action text not null,
            reason text not null,
            list text not null,
            list_version text not null,
            category text not null,
            service text not null,
            rule text not null,
            via text not null,
            period text not null,
            revision integer not null,
            asked integer not null,
            since integer not null,
            state text not null,
            seen integer,
            disagreed integer not null,
            more_words text not null,
            provisional text not null,
            reminded integer,
            overdue integer,
            closed integer,
            mark text not null,
            told text not null default '',
            tidied integer not null default 0,
            primary key (household, id)
        ) without rowid""")
    db.execute("create index appeal_of on appeal (household, profile, asked)")
    db.execute("create index appeal_from on appeal (household, device, asked)")
    db.execute("""
        create table appeal_answer (
            household text not null,
            appeal text not null,
            number integer not null,
            at integer not null,
            state text not null,
            reason text not null,
            role text not null,
            name text not null,
            account text not null,
            text text not null,
            made text not null,
            until real,
            primary key (household, appeal, number),
            foreign key (household, appeal) references appeal on delete cascade
        ) without rowid""")
    db.execute("""
        create table list_error (
            household text not null references household on delete cascade,
            name text not null,
            list text not null,
            category text not null,
            primary key (household, name, list)
        ) without rowid""")

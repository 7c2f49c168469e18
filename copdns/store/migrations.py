"""The schemas of the two databases, as the steps that lead to them.

A step that was released is never edited; tests/golden shows what all add up to.  Every table
but that of the machine's clock has its `household`, also where there is only one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from copdns.store.steps import Steps

if TYPE_CHECKING:
    from sqlite_utils import Database

HOUSEHOLD = Steps("household")
LOG = Steps("log")


@HOUSEHOLD(name="0001_household")
def household(db: Database) -> None:
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
def profile(db: Database) -> None:
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
def device(db: Database) -> None:
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
def rule(db: Database) -> None:
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
def own_service(db: Database) -> None:
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
def own_names(db: Database) -> None:
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
def memory(db: Database) -> None:
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
def device_macs(db: Database) -> None:
    db.execute("alter table device add column macs text not null default '[]'")


@HOUSEHOLD(name="0009_calendar")
def calendar(db: Database) -> None:
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
def always(db: Database) -> None:
    for column in ("always", "homework"):
        db.execute(f"alter table profile add column {column} text not null default '[]'")


@HOUSEHOLD(name="0011_schedule_and_budget")
def schedule_and_budget(db: Database) -> None:
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
def what_ends_by_itself(db: Database) -> None:
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


@LOG(name="0001_log")
def log(db: Database) -> None:
    """Ids are never used twice, so that a reader who follows by id misses nothing."""
    db.execute("""
        create table lookup (
            id integer primary key autoincrement,
            at integer not null,
            household text not null,
            profile text not null,
            device text not null,
            qname text not null,
            qtype integer not null,
            action text not null,
            reason text not null,
            category text not null,
            service text not null,
            list text not null,
            rule text not null,
            via text not null
        )""")
    db.execute("create index lookup_at on lookup (at)")
    db.execute("""
        create table lookup_count (
            household text not null,
            profile text not null,
            hour integer not null,
            action text not null,
            reason text not null,
            category text not null,
            n integer not null,
            primary key (household, profile, hour, action, reason, category)
        ) without rowid""")
    db.execute("""
        create table erasure (
            id integer primary key autoincrement,
            household text not null,
            profile text not null,
            at integer not null
        )""")


@LOG(name="0002_visitor")
def visitor(db: Database) -> None:
    """Unknown devices, and unknown MAC addresses of known ones."""
    db.execute("""
        create table visitor (
            household text not null,
            id text not null,
            device text not null,
            mac text not null,
            address text not null,
            name text not null,
            first integer not null,
            last integer not null,
            primary key (household, id)
        ) without rowid""")


@LOG(name="0003_usage")
def usage(db: Database) -> None:
    """Minutes by day (`start`: its epoch second), with bitmaps while it runs; and the moment that
    this machine saw last, which is no household's."""
    db.execute("""
        create table usage (
            household text not null,
            profile text not null,
            budget text not null,
            day text not null,
            start integer not null,
            some blob not null,
            several blob not null,
            low integer not null,
            likely integer not null,
            high integer not null,
            primary key (household, profile, budget, day)
        ) without rowid""")
    db.execute("""
        create table clock (
            seen integer not null
        )""")

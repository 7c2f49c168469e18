"""The schemas of the two databases, as the steps that lead to them.

A step that was released is never edited; tests/golden shows what all add up to.  Every table
has its `household`, also where there is only one.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

HOUSEHOLD = Migrations("household")
LOG = Migrations("log")


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

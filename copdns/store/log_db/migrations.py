"""The schema of `log.db`, as the steps that lead to it; a new one is added at the end.

A step that was released is never edited; tests/golden shows what all add up to.  Every table
but that of the machine's clock has its `household`, also where there is only one.
"""

from __future__ import annotations

from sqlite3 import Connection

from copdns.store.schema_steps import SchemaSteps

LOG = SchemaSteps("log")


@LOG(name="0001_log")
def log(db: Connection) -> None:
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
def visitor(db: Connection) -> None:
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
def usage(db: Connection) -> None:
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


@LOG(name="0004_closed_minutes")
def closed_minutes(db: Connection) -> None:
    """A third bitmap of a day: in which minutes nothing could be used."""
    db.execute("alter table usage add column closed blob not null default x''")


@LOG(name="0005_wrong_clock")
def wrong_clock(db: Connection) -> None:
    """Since when, by the clock that only goes forward, a running copdns knows that the other one
    is wrong: so that commands think as it does."""
    db.execute("alter table clock add column wrong_since real")


@LOG(name="0006_visitor_number")
def visitor_number(db: Connection) -> None:
    """The highest number that a visitor had, so that no other one gets it later."""
    db.execute("""
        create table visitor_number (
            household text primary key,
            last integer not null
        ) without rowid""")
    db.execute("""
        insert into visitor_number (household, last)
        select household, max(cast(substr(id, 2) as integer)) from visitor group by household""")


@LOG(name="0007_lookup_order")
def lookup_order(db: Connection) -> None:
    """The newest rows of some people, and how many rows each list is the reason of."""
    db.execute("create index lookup_of on lookup (household, profile)")
    db.execute("create index lookup_caught on lookup (household, list) where list <> ''")


@LOG(name="0008_own_minutes")
def own_minutes(db: Connection) -> None:
    """Whether a day's minutes were at some moment the person's alone to see."""
    db.execute("alter table usage add column own integer not null default 0")


@LOG(name="0009_list_count")
def list_count(db: Connection) -> None:
    """What lists did in a week, of three people or more together; `n` of a kind."""
    db.execute("""
        create table list_count (
            household text not null,
            list text not null,
            week integer not null,
            kind text not null,
            n integer not null,
            primary key (household, list, week, kind)
        ) without rowid""")


@LOG(name="0010_bypass_signs")
def noticed_signs(db: Connection) -> None:
    """What is known of how devices ask, by week, and the silences that were signs of bypass."""
    db.execute("""
        create table device_week (
            household text not null,
            profile text not null,
            device text not null,
            week integer not null,
            first integer not null,
            day integer not null,
            days integer not null,
            hours text not null,
            longest integer not null,
            today integer not null,
            primary key (household, profile, device, week)
        ) without rowid""")
    db.execute("""
        create table bypass_sign (
            household text not null,
            profile text not null,
            device text not null,
            at integer not null,
            kind text not null,
            proven integer not null,
            tells integer,
            told integer not null,
            primary key (household, profile, device, at)
        ) without rowid""")

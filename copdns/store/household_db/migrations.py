"""The schema of `household.db`, as the steps that lead to it; a new one is added at the end.

A step that was released is never edited; tests/golden shows what all add up to.  Every table
has its `household`, also where there is only one.
"""

from __future__ import annotations

from sqlite3 import Connection

from copdns.store.household_db.first_migrations.to_0029 import HOUSEHOLD

__all__ = ["HOUSEHOLD"]


@HOUSEHOLD(name="0030_upstreams_told")
def upstreams_told(db: Connection) -> None:
    """Which upstreams the settings of this machine named when guardians were last told."""
    db.execute("""
        create table upstreams_told (
            household text primary key references household on delete cascade,
            servers text not null
        ) without rowid""")


@HOUSEHOLD(name="0031_move_by_sight")
def move_by_sight(db: Connection) -> None:
    """Whether a device was never listed with the addresses of a move, but seen with them."""
    db.execute("alter table device_move add column by_sight integer not null default 0")


@HOUSEHOLD(name="0032_age_group")
def age_group(db: Connection) -> None:
    """Appeals against an age group, and when it was last said that one is right: by a guardian
    (`at`), and by the person since then (`said`).  Those from before count from the update."""
    db.execute("alter table appeal add column band text")
    db.execute("alter table appeal add column wanted_band text")
    db.execute("""
        create table age_confirmed (
            household text not null references household on delete cascade,
            profile text not null,
            at integer not null,
            said integer,
            primary key (household, profile)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_age after delete on profile begin
            delete from age_confirmed where household = old.household and profile = old.id;
        end""")
    db.execute("""
        insert into age_confirmed (household, profile, at)
        select household, id, cast(strftime('%s', 'now') as integer) from profile""")


@HOUSEHOLD(name="0033_device_kind")
def device_kind(db: Connection) -> None:
    """What a device is; those from before are `other`."""
    db.execute("alter table device add column kind text not null default 'other'")


@HOUSEHOLD(name="0034_appeal_paired")
def appeal_paired(db: Connection) -> None:
    """Whether an appeal came from a browser that its device is known by.  Those from before did, as
    far as their limits go."""
    db.execute("alter table appeal add column paired integer not null default 1")


@HOUSEHOLD(name="0035_move_outlives_person")
def move_outlives_person(db: Connection) -> None:
    """Moves stay when their person is removed: until they end, the devices are nobody's."""
    db.execute("drop trigger profile_gone_move")


@HOUSEHOLD(name="0036_answer_policy")
def answer_policy(db: Connection) -> None:
    """By which version of the review policy a request was answered; "" of answers from before."""
    db.execute("alter table appeal_answer add column policy text not null default ''")


@HOUSEHOLD(name="0037_moved_bedtime")
def moved_bedtime(db: Connection) -> None:
    """A bedtime that begins at another time, in one night; `HouseholdStore.tidy` deletes it."""
    db.execute("""
        create table moved_bedtime (
            household text not null references household on delete cascade,
            profile text not null,
            position integer not null,
            starts integer not null,
            moved integer not null,
            ends integer not null,
            author text not null,
            primary key (household, profile),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")


@HOUSEHOLD(name="0038_alternating_weeks")
def alternating_weeks(db: Connection) -> None:
    """In which weeks a schedule holds: "" for every one, "even", "odd", or the date from which
    every second one counts; and whether names for learning stay open in it."""
    db.execute("alter table schedule add column weeks text not null default ''")
    db.execute("alter table schedule add column learning integer not null default 0")


@HOUSEHOLD(name="0039_profile_timezone")
def profile_timezone(db: Connection) -> None:
    """Whose clock a person lives by; "" for the household's."""
    db.execute("alter table profile add column timezone text not null default ''")


@HOUSEHOLD(name="0040_contact_exceptions")
def contact_exceptions(db: Connection) -> None:
    """Services of a person that no contact kind blocks; nobody has any from before."""
    db.execute("alter table profile add column contact_exceptions text not null default '[]'")


@HOUSEHOLD(name="0041_digest")
def digest(db: Connection) -> None:
    """Which guardian gets a weekly summary by email; nobody who did not choose it."""
    db.execute("""
        create table digest (
            household text not null,
            account text not null,
            address text not null,
            weekday integer not null,
            minute integer not null,
            language text not null,
            since integer not null,
            trouble text not null,
            primary key (household, account),
            foreign key (household, account) references account on delete cascade
        ) without rowid""")


@HOUSEHOLD(name="0042_push")
def push(db: Connection) -> None:
    """The browsers that get notices.  One goes with its session or its pairing, whoever deletes
    that; not where the session just ran out, which `lapsed` says (seconds since the epoch)."""
    db.execute("""
        create table push_subscription (
            household text not null references household on delete cascade,
            id text not null,
            endpoint text not null unique,
            p256dh text not null,
            auth text not null,
            kinds text not null,
            language text not null,
            label text not null,
            made integer not null,
            account text,
            profile text,
            session text,
            pairing text,
            lapsed integer,
            primary key (household, id),
            foreign key (household, account) references account on delete cascade
        ) without rowid""")
    db.execute("""
        create trigger session_gone_push after delete on session begin
            delete from push_subscription where session = old.digest and lapsed is null;
        end""")
    db.execute("""
        create trigger pairing_gone_push after delete on pairing begin
            delete from push_subscription where household = old.household and pairing = old.id;
        end""")


@HOUSEHOLD(name="0044_bypass_signs")
def bypass_signs(db: Connection) -> None:
    """Whether signs of bypass are noticed: off where nobody was asked before it was there."""
    db.execute("alter table profile add column bypass_signs integer not null default 0")


@HOUSEHOLD(name="0045_device_tokens")
def device_tokens(db: Connection) -> None:
    """Digests of the tokens by which a device is recognised wherever it is."""
    db.execute("alter table device add column tokens text not null default '[]'")


@HOUSEHOLD(name="0046_followers")
def followers(db: Connection) -> None:
    """The boxes that follow this one, with the secret that each shares with it; the key that their
    bundles are signed with, and the number of the last one."""
    db.execute("""
        create table follower (
            household text not null references household on delete cascade,
            id text not null,
            name text not null,
            secret text not null,
            made integer not null,
            author text not null,
            fetched integer,
            address text not null,
            ended integer,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create table follower_key (
            household text primary key references household on delete cascade,
            private text not null,
            number integer not null,
            digest text not null
        ) without rowid""")


@HOUSEHOLD(name="0048_filter_break")
def filter_break(db: Connection) -> None:
    """A device that opens everything but what is dangerous for ten minutes, to see whether the
    filter is at fault; `HouseholdStore.tidy` deletes it."""
    db.execute("""
        create table filter_break (
            household text not null references household on delete cascade,
            device text not null,
            profile text not null,
            position integer not null,
            starts integer not null,
            ends integer not null,
            author text not null,
            primary key (household, device),
            foreign key (household, profile) references profile deferrable initially deferred
        ) without rowid""")


@HOUSEHOLD(name="0050_other_home")
def other_home(db: Connection) -> None:
    """Children who live in another home too, as both homes agreed; the secret is of these two
    alone, and makes the codes by which one tells the other that it agreed, or that it is over."""
    db.execute("""
        create table other_home (
            household text not null references household on delete cascade,
            profile text not null,
            secret text not null,
            made integer not null,
            author text not null,
            brought integer not null,
            agreed integer,
            primary key (household, profile)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_other_home after delete on profile begin
            delete from other_home where household = old.household and profile = old.id;
        end""")


@HOUSEHOLD(name="0051_ended_home")
def ended_home(db: Connection) -> None:
    """What two homes agreed to and ended: its secret's digest, so that the same file is not taken
    again, and whether the child ended it, who then is to allow another one.

    Of somebody who is removed only the digest stays.
    """
    db.execute("""
        create table ended_home (
            household text not null references household on delete cascade,
            digest text not null,
            profile text not null,
            by_child integer not null,
            primary key (household, digest)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_ended_home after delete on profile begin
            update ended_home set profile = '', by_child = 0
             where household = old.household and profile = old.id;
        end""")

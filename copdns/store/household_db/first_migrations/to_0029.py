"""The next steps of the schema of `household.db`: accounts, and who can speak for a person.

Released, so never edited.
"""

from __future__ import annotations

from sqlite3 import Connection

from copdns.store.household_db.first_migrations.to_0013 import HOUSEHOLD

__all__ = ["HOUSEHOLD"]


@HOUSEHOLD(name="0014_account")
def account(db: Connection) -> None:
    """Who may log in, and what lets them in.  Of a secret only a digest is kept, but for the
    second factor, whose secret is needed to check it."""
    db.execute("""
        create table account (
            household text not null references household on delete cascade,
            id text not null,
            name text not null collate nocase,
            role text not null,
            profile text not null,
            password text not null,
            totp text not null,
            totp_used integer not null,
            made integer not null,
            primary key (household, id),
            unique (household, name)
        ) without rowid""")
    owned = "foreign key (household, account) references account on delete cascade"
    db.execute(f"""
        create table session (
            digest text primary key,
            household text not null,
            account text not null,
            label text not null,
            made integer not null,
            used integer not null,
            expires integer not null,
            {owned}
        ) without rowid""")
    db.execute(f"""
        create table browser (
            digest text primary key,
            household text not null,
            account text not null,
            expires integer not null,
            {owned}
        ) without rowid""")
    db.execute(f"""
        create table token (
            household text not null,
            id text not null,
            digest text not null unique,
            account text not null,
            label text not null,
            scopes text not null,
            made integer not null,
            expires integer not null,
            used integer,
            primary key (household, id),
            {owned}
        ) without rowid""")
    db.execute(f"""
        create table recovery (
            household text not null,
            account text not null,
            digest text not null,
            primary key (household, account, digest),
            {owned}
        ) without rowid""")
    db.execute("""
        create table one_time_code (
            digest text primary key,
            household text not null,
            purpose text not null,
            account text not null,
            expires integer not null
        ) without rowid""")


@HOUSEHOLD(name="0015_whose_device")
def whose_device(db: Connection) -> None:
    """What tells a person beside the address.  It goes with the device or person: triggers, since
    those tables are written with `insert or replace`, which deletes for a foreign key and not for
    a trigger."""
    db.execute("""
        create table pairing (
            household text not null references household on delete cascade,
            id text not null,
            digest text not null unique,
            device text not null,
            profile text not null,
            made integer not null,
            used integer not null,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create table pairing_open (
            household text not null references household on delete cascade,
            device text not null,
            until integer not null,
            primary key (household, device)
        ) without rowid""")
    db.execute("""
        create table pin (
            household text not null references household on delete cascade,
            profile text not null,
            hash text not null,
            made integer not null,
            primary key (household, profile)
        ) without rowid""")
    db.execute("""
        create table guest (
            household text not null references household on delete cascade,
            id text not null,
            kind text not null,
            address text not null,
            mac text not null,
            profile text not null,
            author text not null,
            at integer not null,
            until integer not null,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create trigger device_gone after delete on device begin
            delete from pairing where household = old.household and device = old.id;
            delete from pairing_open where household = old.household and device = old.id;
        end""")
    db.execute("""
        create trigger profile_gone after delete on profile begin
            delete from pin where household = old.household and profile = old.id;
            delete from guest where household = old.household and profile = old.id;
            delete from pairing where household = old.household and profile = old.id;
            delete from account
             where household = old.household and profile = old.id and role = 'child';
            update account set profile = ''
             where household = old.household and profile = old.id;
        end""")


@HOUSEHOLD(name="0016_look")
def look(db: Connection) -> None:
    """Who looked at what is kept of whom; and what no guardian may do unseen by the others.

    told: whether an event was made of it.
    """
    db.execute("""
        create table look (
            id integer primary key,
            household text not null,
            at integer not null,
            account text not null,
            role text not null,
            profile text not null,
            view text not null
        )""")
    db.execute("create index look_of_profile on look (household, profile, at)")
    db.execute("""
        create table notice (
            id integer primary key,
            household text not null,
            kind text not null,
            about text not null,
            author text not null,
            at integer not null,
            starts integer not null,
            ends integer not null,
            told integer not null
        )""")
    db.execute("create index notice_untold on notice (id) where not told")
    db.execute("""
        create table notice_seen (
            household text not null,
            notice integer not null references notice on delete cascade,
            account text not null,
            at integer not null,
            primary key (notice, account),
            foreign key (household, account) references account on delete cascade
        ) without rowid""")
    db.execute("""
        create table stance (
            household text not null,
            account text not null,
            profile text not null,
            setting text not null,
            value text not null,
            at integer not null,
            primary key (household, profile, setting, account),
            foreign key (household, account) references account on delete cascade
        ) without rowid""")


@HOUSEHOLD(name="0017_ticket_attempts")
def ticket_attempts(db: Connection) -> None:
    """Codes that were typed and are not known; the code itself is not kept."""
    db.execute("""
        create table ticket_attempt (
            id integer primary key,
            household text not null references household on delete cascade,
            profile text not null,
            device text not null,
            at integer not null
        )""")


@HOUSEHOLD(name="0018_proposal")
def proposal(db: Connection) -> None:
    """New rules that a guardian proposed for somebody's next age band."""
    db.execute("""
        create table proposal (
            household text not null references household on delete cascade,
            profile text not null,
            band text not null,
            since integer not null,
            author text not null,
            at integer not null,
            primary key (household, profile)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_proposal after delete on profile begin
            delete from proposal where household = old.household and profile = old.id;
        end""")


@HOUSEHOLD(name="0019_language_and_country")
def language_and_country(db: Connection) -> None:
    """helplines: a JSON list of ids that a guardian vouched for."""
    for column in (
        "language text not null default ''",
        "country text not null default ''",
        "helplines text not null default '[]'",
    ):
        db.execute(f"alter table household add column {column}")


@HOUSEHOLD(name="0020_setup")
def setup(db: Connection) -> None:
    """What was done of the set-up, and what its checks found; see `network/setup_steps.py`."""
    db.execute("""
        create table setup (
            household text not null references household on delete cascade,
            item text not null,
            state text not null,
            detail text not null,
            at integer not null,
            primary key (household, item)
        ) without rowid""")


@HOUSEHOLD(name="0021_audit_order")
def audit_order(db: Connection) -> None:
    """Changes and looks are read together, the newest first, of one household."""
    db.execute("create index change_of on change (household, at)")
    db.execute("create index look_of on look (household, at)")


@HOUSEHOLD(name="0022_ignored_visitor")
def ignored_visitor(db: Connection) -> None:
    """Unknown devices that a guardian does not want to be shown.  id: as of a visitor, which no
    other one ever gets, so that neither a MAC address nor an address has to stand here."""
    db.execute("""
        create table ignored_visitor (
            household text not null references household on delete cascade,
            id text not null,
            at integer not null,
            primary key (household, id)
        ) without rowid""")


@HOUSEHOLD(name="0023_guest_request")
def guest_request(db: Connection) -> None:
    """Devices whose users ask to be let in for a day."""
    db.execute("""
        create table guest_request (
            household text not null references household on delete cascade,
            address text not null,
            mac text not null,
            at integer not null,
            primary key (household, address)
        ) without rowid""")


@HOUSEHOLD(name="0024_full_log_question")
def full_log_question(db: Connection) -> None:
    """Whether somebody of 16 or more agrees to a full log; refused: when the answer was no."""
    db.execute("""
        create table full_log_question (
            household text not null references household on delete cascade,
            profile text not null,
            days integer not null,
            author text not null,
            at integer not null,
            refused integer,
            primary key (household, profile)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_question after delete on profile begin
            delete from full_log_question where household = old.household and profile = old.id;
        end""")


@HOUSEHOLD(name="0025_session_confirmed")
def session_confirmed(db: Connection) -> None:
    """When the owner of a session last typed the password in it; 0: not since the login."""
    db.execute("alter table session add column confirmed integer not null default 0")


@HOUSEHOLD(name="0026_account_code")
def account_code(db: Connection) -> None:
    """Codes that were made for somebody's account.  maker: the id of the account that made it, ""
    for the console.  Neither id `references`: an answer stays its maker's when an account is gone.
    told: when its owner first logged in since then."""
    db.execute("""
        create table account_code (
            household text not null references household on delete cascade,
            id text not null,
            account text not null,
            purpose text not null,
            maker text not null,
            author text not null,
            at integer not null,
            used integer,
            told integer,
            primary key (household, id)
        )""")


@HOUSEHOLD(name="0027_claim")
def claim(db: Connection) -> None:
    """Who can speak for a person, and what they are told of it.

    proof: from when on a browser or PIN is proof of person; null: never, since somebody objected.
    Browsers from before are proof.  PINs from before are announced now: guardians set them all.
    former_browser: what was paired, so that it is told as well.
    """
    db.execute("alter table pairing add column proof integer default 0")
    db.execute("alter table pin add column proof integer default 0")
    db.execute("""
        create table claim (
            household text not null references household on delete cascade,
            id text not null,
            profile text not null,
            device text not null,
            kind text not null,
            author text not null,
            at integer not null,
            pairing text not null,
            objected integer,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create table former_browser (
            digest text primary key,
            household text not null references household on delete cascade,
            device text not null,
            profile text not null,
            used integer not null
        ) without rowid""")
    db.execute("""
        create trigger pairing_gone after delete on pairing
          when old.device not like '%:%' and exists (
               select 1 from profile where household = old.household and id = old.profile) begin
            insert or replace into former_browser (digest, household, device, profile, used)
            values (old.digest, old.household, old.device, old.profile, old.used);
        end""")
    db.execute("""
        create trigger profile_gone_claim after delete on profile begin
            delete from claim where household = old.household and profile = old.id;
            delete from former_browser where household = old.household and profile = old.id;
        end""")
    now = "cast(strftime('%s', 'now') as integer)"  # of the update: no row has it
    db.execute(f"update pin set proof = {now} + 86400")  # noqa: S608 - ours
    db.execute(f"""
        insert into claim (household, id, profile, device, kind, author, at, pairing)
        select household, 'pin-' || profile, profile, '', 'pin', '', {now}, '' from pin
        """)  # noqa: S608 - ours


@HOUSEHOLD(name="0028_person_made")
def person_made(db: Connection) -> None:
    """When a person was added to a household; those who came with it, or are from before, have no
    row.  It stays when the person is removed, and is written anew when they are added again."""
    db.execute("""
        create table person_made (
            household text not null references household on delete cascade,
            profile text not null,
            at integer not null,
            primary key (household, profile)
        ) without rowid""")


@HOUSEHOLD(name="0029_device_move")
def device_move(db: Connection) -> None:
    """Devices of somebody of 13 or more that are to be somebody else's.  known_by: a JSON list.
    target: whose; "" while nobody's.  until: when it takes effect; null: with their yes only."""
    db.execute("""
        create table device_move (
            household text not null references household on delete cascade,
            id text not null,
            profile text not null,
            device text not null,
            name text not null,
            known_by text not null,
            target text not null,
            author text not null,
            at integer not null,
            until integer,
            primary key (household, id)
        ) without rowid""")
    db.execute("""
        create trigger profile_gone_move after delete on profile begin
            delete from device_move where household = old.household and profile = old.id;
        end""")

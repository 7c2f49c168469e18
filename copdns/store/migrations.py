"""The schemas of the two databases, as the steps that lead to them.

A step that was released is never edited; tests/golden shows what all add up to.  Every table
but that of the machine's clock has its `household`, also where there is only one.
"""

from __future__ import annotations

from sqlite3 import Connection

from copdns.store.schema_steps import SchemaSteps

HOUSEHOLD = SchemaSteps("household")
LOG = SchemaSteps("log")


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

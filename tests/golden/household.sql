CREATE TABLE household (
    household text primary key,
    name text not null,
    timezone text not null,
    guest text not null,
    protected text not null,
    revision integer not null
, weekend text not null default '["sat", "sun"]', days text not null default '{}', day_starts integer not null default 0, failure_clock text not null default 'last_known', failure_lists text not null default 'last_known', failure_devices text not null default 'last_known', language text not null default '', country text not null default '', helplines text not null default '[]') without rowid;

CREATE TABLE profile (
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
    max_ttl integer, always text not null default '[]', homework text not null default '[]', timezone text not null default '', contact_exceptions text not null default '[]', bypass_signs integer not null default 0,
    primary key (household, id)
) without rowid;

CREATE TABLE device (
    household text not null references household on delete cascade,
    id text not null,
    position integer not null,
    name text not null,
    profile text not null,
    addresses text not null, macs text not null default '[]', kind text not null default 'other', tokens text not null default '[]',
    primary key (household, id),
    foreign key (household, profile) references profile deferrable initially deferred
) without rowid;

CREATE TABLE rule (
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
) without rowid;

CREATE TABLE own_service (
    household text not null references household on delete cascade,
    slug text not null,
    position integer not null,
    title text not null,
    names text not null,
    contact text not null,
    primary key (household, slug)
) without rowid;

CREATE TABLE local_name (
    household text not null references household on delete cascade,
    name text not null,
    position integer not null,
    addresses text not null,
    primary key (household, name)
) without rowid;

CREATE TABLE name_rewrite (
    household text not null references household on delete cascade,
    matcher text not null,
    position integer not null,
    target text not null,
    primary key (household, matcher)
) without rowid;

CREATE TABLE split_upstream (
    household text not null references household on delete cascade,
    name text not null,
    position integer not null,
    upstreams text not null,
    primary key (household, name)
) without rowid;

CREATE TABLE full_log_history (
    household text not null,
    profile text not null,
    starts integer not null,
    ends integer not null,
    primary key (household, profile, starts)
) without rowid;

CREATE TABLE former_profile (
    household text not null,
    id text not null,
    band text not null,
    primary key (household, id)
) without rowid;

CREATE TABLE change (
    id integer primary key,
    household text not null,
    revision integer not null,
    at integer not null,
    author text not null,
    what text not null
);

CREATE TABLE schedule (
    household text not null references household on delete cascade,
    id text not null,
    position integer not null,
    scope text not null,
    slots text not null,
    about text not null,
    opens integer not null,
    grace integer not null,
    note text not null, weeks text not null default '', learning integer not null default 0,
    primary key (household, id)
) without rowid;

CREATE TABLE budget (
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
) without rowid;

CREATE TABLE pause (
    household text not null references household on delete cascade,
    profile text not null,
    position integer not null,
    starts integer not null,
    ends integer,
    homework integer not null,
    author text not null,
    primary key (household, profile),
    foreign key (household, profile) references profile deferrable initially deferred
) without rowid;

CREATE TABLE grant (
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
) without rowid;

CREATE TABLE bonus (
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
) without rowid;

CREATE TABLE ticket (
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
) without rowid;

CREATE TABLE appeal (
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
    tidied integer not null default 0, band text, wanted_band text, paired integer not null default 1,
    primary key (household, id)
) without rowid;

CREATE INDEX appeal_of on appeal (household, profile, asked);

CREATE INDEX appeal_from on appeal (household, device, asked);

CREATE TABLE appeal_answer (
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
    until real, policy text not null default '',
    primary key (household, appeal, number),
    foreign key (household, appeal) references appeal on delete cascade
) without rowid;

CREATE TABLE list_error (
    household text not null references household on delete cascade,
    name text not null,
    list text not null,
    category text not null,
    primary key (household, name, list)
) without rowid;

CREATE TABLE account (
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
) without rowid;

CREATE TABLE session (
    digest text primary key,
    household text not null,
    account text not null,
    label text not null,
    made integer not null,
    used integer not null,
    expires integer not null, confirmed integer not null default 0,
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE browser (
    digest text primary key,
    household text not null,
    account text not null,
    expires integer not null,
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE token (
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
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE recovery (
    household text not null,
    account text not null,
    digest text not null,
    primary key (household, account, digest),
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE one_time_code (
    digest text primary key,
    household text not null,
    purpose text not null,
    account text not null,
    expires integer not null
) without rowid;

CREATE TABLE pairing (
    household text not null references household on delete cascade,
    id text not null,
    digest text not null unique,
    device text not null,
    profile text not null,
    made integer not null,
    used integer not null, proof integer default 0,
    primary key (household, id)
) without rowid;

CREATE TABLE pairing_open (
    household text not null references household on delete cascade,
    device text not null,
    until integer not null,
    primary key (household, device)
) without rowid;

CREATE TABLE pin (
    household text not null references household on delete cascade,
    profile text not null,
    hash text not null,
    made integer not null, proof integer default 0,
    primary key (household, profile)
) without rowid;

CREATE TABLE guest (
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
) without rowid;

CREATE TRIGGER device_gone after delete on device begin
    delete from pairing where household = old.household and device = old.id;
    delete from pairing_open where household = old.household and device = old.id;
end;

CREATE TRIGGER profile_gone after delete on profile begin
    delete from pin where household = old.household and profile = old.id;
    delete from guest where household = old.household and profile = old.id;
    delete from pairing where household = old.household and profile = old.id;
    delete from account
     where household = old.household and profile = old.id and role = 'child';
    update account set profile = ''
     where household = old.household and profile = old.id;
end;

CREATE TABLE look (
    id integer primary key,
    household text not null,
    at integer not null,
    account text not null,
    role text not null,
    profile text not null,
    view text not null
);

CREATE INDEX look_of_profile on look (household, profile, at);

CREATE TABLE notice (
    id integer primary key,
    household text not null,
    kind text not null,
    about text not null,
    author text not null,
    at integer not null,
    starts integer not null,
    ends integer not null,
    told integer not null
);

CREATE INDEX notice_untold on notice (id) where not told;

CREATE TABLE notice_seen (
    household text not null,
    notice integer not null references notice on delete cascade,
    account text not null,
    at integer not null,
    primary key (notice, account),
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE stance (
    household text not null,
    account text not null,
    profile text not null,
    setting text not null,
    value text not null,
    at integer not null,
    primary key (household, profile, setting, account),
    foreign key (household, account) references account on delete cascade
) without rowid;

CREATE TABLE ticket_attempt (
    id integer primary key,
    household text not null references household on delete cascade,
    profile text not null,
    device text not null,
    at integer not null
);

CREATE TABLE proposal (
    household text not null references household on delete cascade,
    profile text not null,
    band text not null,
    since integer not null,
    author text not null,
    at integer not null,
    primary key (household, profile)
) without rowid;

CREATE TRIGGER profile_gone_proposal after delete on profile begin
    delete from proposal where household = old.household and profile = old.id;
end;

CREATE TABLE setup (
    household text not null references household on delete cascade,
    item text not null,
    state text not null,
    detail text not null,
    at integer not null,
    primary key (household, item)
) without rowid;

CREATE INDEX change_of on change (household, at);

CREATE INDEX look_of on look (household, at);

CREATE TABLE ignored_visitor (
    household text not null references household on delete cascade,
    id text not null,
    at integer not null,
    primary key (household, id)
) without rowid;

CREATE TABLE guest_request (
    household text not null references household on delete cascade,
    address text not null,
    mac text not null,
    at integer not null,
    primary key (household, address)
) without rowid;

CREATE TABLE full_log_question (
    household text not null references household on delete cascade,
    profile text not null,
    days integer not null,
    author text not null,
    at integer not null,
    refused integer,
    primary key (household, profile)
) without rowid;

CREATE TRIGGER profile_gone_question after delete on profile begin
    delete from full_log_question where household = old.household and profile = old.id;
end;

CREATE TABLE account_code (
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
);

CREATE TABLE claim (
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
) without rowid;

CREATE TABLE former_browser (
    digest text primary key,
    household text not null references household on delete cascade,
    device text not null,
    profile text not null,
    used integer not null
) without rowid;

CREATE TRIGGER pairing_gone after delete on pairing
  when old.device not like '%:%' and exists (
       select 1 from profile where household = old.household and id = old.profile) begin
    insert or replace into former_browser (digest, household, device, profile, used)
    values (old.digest, old.household, old.device, old.profile, old.used);
end;

CREATE TRIGGER profile_gone_claim after delete on profile begin
    delete from claim where household = old.household and profile = old.id;
    delete from former_browser where household = old.household and profile = old.id;
end;

CREATE TABLE person_made (
    household text not null references household on delete cascade,
    profile text not null,
    at integer not null,
    primary key (household, profile)
) without rowid;

CREATE TABLE device_move (
    household text not null references household on delete cascade,
    id text not null,
    profile text not null,
    device text not null,
    name text not null,
    known_by text not null,
    target text not null,
    author text not null,
    at integer not null,
    until integer, by_sight integer not null default 0,
    primary key (household, id)
) without rowid;

CREATE TABLE upstreams_told (
    household text primary key references household on delete cascade,
    servers text not null
) without rowid;

CREATE TABLE age_confirmed (
    household text not null references household on delete cascade,
    profile text not null,
    at integer not null,
    said integer,
    primary key (household, profile)
) without rowid;

CREATE TRIGGER profile_gone_age after delete on profile begin
    delete from age_confirmed where household = old.household and profile = old.id;
end;

CREATE TABLE moved_bedtime (
    household text not null references household on delete cascade,
    profile text not null,
    position integer not null,
    starts integer not null,
    moved integer not null,
    ends integer not null,
    author text not null,
    primary key (household, profile),
    foreign key (household, profile) references profile deferrable initially deferred
) without rowid;

CREATE TABLE digest (
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
) without rowid;

CREATE TABLE push_subscription (
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
) without rowid;

CREATE TRIGGER session_gone_push after delete on session begin
    delete from push_subscription where session = old.digest and lapsed is null;
end;

CREATE TRIGGER pairing_gone_push after delete on pairing begin
    delete from push_subscription where household = old.household and pairing = old.id;
end;

CREATE TABLE follower (
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
) without rowid;

CREATE TABLE follower_key (
    household text primary key references household on delete cascade,
    private text not null,
    number integer not null,
    digest text not null
) without rowid;

CREATE TABLE filter_break (
    household text not null references household on delete cascade,
    device text not null,
    profile text not null,
    position integer not null,
    starts integer not null,
    ends integer not null,
    author text not null,
    primary key (household, device),
    foreign key (household, profile) references profile deferrable initially deferred
) without rowid;

CREATE TABLE other_home (
    household text not null references household on delete cascade,
    profile text not null,
    secret text not null,
    made integer not null,
    author text not null,
    brought integer not null,
    agreed integer,
    primary key (household, profile)
) without rowid;

CREATE TRIGGER profile_gone_other_home after delete on profile begin
    delete from other_home where household = old.household and profile = old.id;
end;

CREATE TABLE ended_home (
    household text not null references household on delete cascade,
    digest text not null,
    profile text not null,
    by_child integer not null,
    primary key (household, digest)
) without rowid;

CREATE TRIGGER profile_gone_ended_home after delete on profile begin
    update ended_home set profile = '', by_child = 0
     where household = old.household and profile = old.id;
end;

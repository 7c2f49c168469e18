CREATE TABLE household (
    household text primary key,
    name text not null,
    timezone text not null,
    guest text not null,
    protected text not null,
    revision integer not null
, weekend text not null default '["sat", "sun"]', days text not null default '{}', day_starts integer not null default 0, failure_clock text not null default 'last_known', failure_lists text not null default 'last_known', failure_devices text not null default 'last_known') without rowid;

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
    max_ttl integer, always text not null default '[]', homework text not null default '[]',
    primary key (household, id)
) without rowid;

CREATE TABLE device (
    household text not null references household on delete cascade,
    id text not null,
    position integer not null,
    name text not null,
    profile text not null,
    addresses text not null, macs text not null default '[]',
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
    note text not null,
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

CREATE TABLE ticket_attempt (
    id integer primary key,
    household text not null references household on delete cascade,
    profile text not null,
    device text not null,
    at integer not null
);

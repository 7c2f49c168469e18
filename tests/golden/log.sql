CREATE TABLE lookup (
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
);

CREATE INDEX lookup_at on lookup (at);

CREATE TABLE lookup_count (
    household text not null,
    profile text not null,
    hour integer not null,
    action text not null,
    reason text not null,
    category text not null,
    n integer not null,
    primary key (household, profile, hour, action, reason, category)
) without rowid;

CREATE TABLE erasure (
    id integer primary key autoincrement,
    household text not null,
    profile text not null,
    at integer not null
);

CREATE TABLE visitor (
    household text not null,
    id text not null,
    device text not null,
    mac text not null,
    address text not null,
    name text not null,
    first integer not null,
    last integer not null,
    primary key (household, id)
) without rowid;

CREATE TABLE usage (
    household text not null,
    profile text not null,
    budget text not null,
    day text not null,
    start integer not null,
    some blob not null,
    several blob not null,
    low integer not null,
    likely integer not null,
    high integer not null, closed blob not null default x'', own integer not null default 0,
    primary key (household, profile, budget, day)
) without rowid;

CREATE TABLE clock (
    seen integer not null
, wrong_since real);

CREATE TABLE visitor_number (
    household text primary key,
    last integer not null
) without rowid;

CREATE INDEX lookup_of on lookup (household, profile);

CREATE INDEX lookup_caught on lookup (household, list) where list <> '';

CREATE TABLE list_count (
    household text not null,
    list text not null,
    week integer not null,
    kind text not null,
    n integer not null,
    primary key (household, list, week, kind)
) without rowid;

CREATE TABLE device_week (
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
) without rowid;

CREATE TABLE bypass_sign (
    household text not null,
    profile text not null,
    device text not null,
    at integer not null,
    kind text not null,
    proven integer not null,
    tells integer,
    told integer not null,
    primary key (household, profile, device, at)
) without rowid;

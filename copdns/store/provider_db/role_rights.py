"""The roles of a provider's database: give each what its duty takes, and see what each may do.

`role_grants.py` has the lists.  `copdns provider roles` gives roles their rights; which role has
which duty stands in the table `database_role`, so that a step that adds a table gives the rights on
it as well.  What a role may do is read from the database's own catalogue, with all that it can
become.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psycopg import sql

from copdns.model.errors import StoreError
from copdns.store.db import transaction
from copdns.store.postgres.connection import (
    LOG_SCHEMA,
    SCHEMA,
    PostgresConnection,
    PostgresPool,
)
from copdns.store.postgres.outbox import CHANNEL
from copdns.store.provider_db.role_grants import GRANTS, LOG, RoleDuty, has_log, join_columns

_SCHEMAS: Final = [SCHEMA, LOG_SCHEMA]
# Roles of PostgreSQL's own that read or write files of the server, and so all of it; that see texts
# of others' statements; and that end others' connections.
_SERVER_ROLES: Final = [
    *("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
    *("pg_read_all_stats", "pg_signal_backend", "pg_maintain"),
]
_KINDS: Final = [*("select", "insert", "update", "delete", "truncate", "references", "trigger")]
_SINCE_17: Final = "maintain"  # which an earlier server does not know, and does not ask about
_MOST_NAMED: Final = 5  # of what a role lacks or has, in a sentence
_LOCK: Final = "=roles"  # no household has this id


class RoleRights(NamedTuple):
    """What a role may do, compared with what its duty takes; texts for people.

    owns: it may do whatever the role may that owns the tables.  lacks, has: "select on desk_case".
    """

    role: str
    duty: RoleDuty
    owns: bool
    lacks: tuple[str, ...]
    has: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it may do what its duty takes, and nothing else."""
        return not (self.owns or self.lacks or self.has)


class OutsideRole(NamedTuple):
    """A role without a duty that gets at copdns' tables all the same.  how: texts for people."""

    role: str
    how: tuple[str, ...]


def read_rights(pool: PostgresPool, duty: RoleDuty, role: str = "") -> RoleRights:
    """Return what a role may do, with all roles that it can become; blocks.

    role: "" for that of the pool.  Raises StoreError, also where there is no such role.
    """
    with pool.connection() as connection:
        return _read_rights(connection, duty, role)


def _read_rights(connection: PostgresConnection, duty: RoleDuty, role: str) -> RoleRights:
    # Not whom it acts as, which a setting can choose: it can go back to who connected.
    name = role or str(connection.execute("select session_user").fetchone()[0])
    closed = [each for each in _SCHEMAS if each == LOG_SCHEMA and not has_log(duty)]
    place = {"schemas": _SCHEMAS, "role": name, "closed": closed, "of_server": _SERVER_ROLES}
    found = connection.execute(_OWNS, place).fetchone()
    if found is None:
        raise StoreError(
            f"PostgreSQL: there is no role {name}; make it once, as whoever runs PostgreSQL: "
            f"createuser {name}"
        )
    if found[0]:
        return RoleRights(name, duty, True, (), ())
    rights = set(connection.execute(_RIGHTS, place | {"kinds": _kinds(connection)}))
    wanted = set(_rights_of(duty))
    lacks = _texts(wanted - rights)
    for schema in reversed([each for each in _SCHEMAS if each not in closed]):
        if not connection.execute(_MAY_ENTER, (name, schema)).fetchone()[0]:
            lacks = [f"usage of the schema {schema}"]
    has = [text for (text,) in connection.execute(_WAYS, place)]
    has += _texts(rights - wanted)
    return RoleRights(name, duty, False, tuple(lacks), tuple(has))


def _kinds(connection: PostgresConnection) -> list[str]:
    (version,) = connection.execute(
        "select cast(current_setting('server_version_num') as integer)"
    ).fetchone()
    return [*_KINDS, _SINCE_17] if version >= 170_000 else _KINDS


def _rights_of(duty: RoleDuty) -> Iterable[tuple[str, str, str]]:
    for name, rights in GRANTS[duty].items():
        for right in rights:
            yield *_place(name), right


def _place(name: str) -> tuple[str, str]:
    """Return schema and name of what a list of rights names."""
    return (LOG_SCHEMA, name.removeprefix(LOG)) if name.startswith(LOG) else (SCHEMA, name)


def _texts(rights: Iterable[tuple[str, str, str]]) -> list[str]:
    by_table: dict[tuple[str, str], list[str]] = {}
    for schema, table, right in sorted(rights):
        by_table.setdefault((schema, table), []).append(right)
    return [
        f"{right} on {table if schema == SCHEMA else f'{schema}.{table}'}"
        for (schema, table), some in by_table.items()
        for right in join_columns(some)
    ]


def name_some(texts: Sequence[str]) -> str:
    """Return some of what a role lacks or has, for people."""
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def describe_rights(rights: RoleRights) -> str:
    """Return what a role may do, in words."""
    if rights.owns:
        return "it may do everything with the tables; give this program a role of its own"
    told = []
    if rights.lacks:
        told.append(f"it lacks {name_some(rights.lacks)}")
    if rights.has:
        told.append(f"it has more than {rights.duty} takes: {name_some(rights.has)}")
    return "; ".join(told) or f"what {rights.duty} takes, and nothing else"


def require_duty(pool: PostgresPool, duty: RoleDuty) -> str:
    """Return a warning for people where this program's role may do everything; "" where it may do
    what its duty takes; blocks.

    Installations from before there were duties have but one role: it goes on for this release.
    Raises StoreError for any other role.
    """
    rights = read_rights(pool, duty)
    if rights.owns:
        return (
            f"the database role {rights.role}: {describe_rights(rights)} (createuser {duty.role}; "
            f"copdns provider roles grant {duty}). A later version does not start with this one"
        )
    if rights.is_right:
        return ""
    there = read_duties(pool).get(rights.role)
    if there is not None and there is not duty:
        raise StoreError(
            f"PostgreSQL: the role {rights.role} is for {there}, and this program is for {duty}; "
            f"name the role of {duty} in provider.database (user={duty.role})"
        )
    raise StoreError(
        f"PostgreSQL: the role {rights.role}: {describe_rights(rights)}. Run copdns provider roles "
        f"grant {duty} --role {rights.role} as the role that owns the tables"
    )


def read_duties(pool: PostgresPool) -> dict[str, RoleDuty]:
    """Return the duty of each role that was given one and is there; blocks.  StoreError."""
    with pool.connection() as connection:
        return _read_duties(connection)


def _read_duties(connection: PostgresConnection) -> dict[str, RoleDuty]:
    if connection.execute("select to_regclass(?)", (f"{SCHEMA}.database_role",)).fetchone() == (
        None,
    ):
        return {}  # a schema that is being made
    known = {str(each): each for each in RoleDuty}  # another version may have others
    rows = connection.execute(_DUTIES).fetchall()
    return {str(role): known[duty] for role, duty in rows if duty in known}


def find_usual_roles(pool: PostgresPool) -> list[RoleDuty]:
    """Return the duties whose role is there by its usual name; blocks.  StoreError."""
    with pool.connection() as connection:
        rows = connection.execute("select rolname from pg_roles").fetchall()
    there = {str(name) for (name,) in rows}
    return [each for each in RoleDuty if each.role in there]


def find_outsiders(pool: PostgresPool) -> tuple[OutsideRole, ...]:
    """Return all other roles of the server that get at copdns' tables, but for superusers; blocks.

    First of what each has is what it is a member of: the rest may follow from that.  Raises
    StoreError.
    """
    found: dict[str, list[str]] = {}
    with pool.connection() as connection:
        place: Mapping[str, Any] = {"schemas": _SCHEMAS, "kinds": _kinds(connection)}
        for role, how in connection.execute(_OUTSIDERS, place):
            found.setdefault(str(role), []).append(str(how))
    return tuple(
        OutsideRole(role, tuple(sorted(how, key=lambda each: not each.startswith(_MEMBER))))
        for role, how in found.items()
    )


def grant_duty(pool: PostgresPool, duty: RoleDuty, role: str) -> None:
    """Give a role what its duty takes, and take what else it was given; blocks.

    The pool's role owns the tables; those of a provider's own (PROVIDER) and of the log must be
    there.  Raises StoreError, also where the role would have more rights all the same.
    """
    with pool.connection() as connection, transaction(connection, _LOCK):
        if _read_rights(connection, duty, role).owns:
            raise StoreError(
                f"PostgreSQL: the role {role} may do whatever the one may that owns the tables; "
                "make another one, which owns nothing and is no superuser"
            )
        name = sql.Identifier(role)
        for schema in _SCHEMAS:
            for kind in ("all tables in", "all sequences in", "all functions in", ""):
                _run(
                    connection,
                    f"revoke all on {kind} schema {{}} from {{}} cascade",  # what it gave on, too
                    sql.Identifier(schema),
                    name,
                )
            if schema == SCHEMA or has_log(duty):
                _run(connection, "grant usage on schema {} to {}", sql.Identifier(schema), name)
        connection.execute(_NOTE_DUTY, (role, str(duty)))
        # From here on, who hears that a household moved has to be able to read this name.
        connection.execute(_NAME_CHANNEL, (f"{CHANNEL}_{secrets.token_hex(16)}",))
        _grant(connection, duty, role)
        left = _read_rights(connection, duty, role)
        if not left.is_right:
            raise StoreError(
                f"PostgreSQL: the role {role} has more than it needs: {name_some(left.has)}; take "
                "that from it, from PUBLIC, or from the roles that it is a member of"
            )


def grant_again(connection: PostgresConnection) -> None:
    """Give each role with a duty what a new step made, in the caller's transaction."""
    for role, duty in _read_duties(connection).items():
        _grant(connection, duty, role)


def _grant(connection: PostgresConnection, duty: RoleDuty, role: str) -> None:
    for name, rights in GRANTS[duty].items():
        schema, thing = _place(name)
        there = connection.execute(_KIND, (schema, thing)).fetchone()
        if there is None:
            continue  # of a step that comes later
        kind = "sequence " if there == ("S",) else ""
        _run(
            connection,
            f"grant {', '.join(map(_as_sql, join_columns(rights)))} on {kind}{{}} to {{}}",
            sql.Identifier(schema, thing),
            sql.Identifier(role),
        )


def _as_sql(right: str) -> str:
    """Return a right as SQL: names of columns may be words of SQL's own."""
    kind, _, columns = right.removesuffix(")").partition(" (")
    quoted = ", ".join(f'"{each}"' for each in columns.split(", "))
    return f"{kind} ({quoted})" if columns else kind


def _run(connection: PostgresConnection, text: str, *names: sql.Identifier) -> None:
    connection.run_here(sql.SQL(text).format(*names).as_string())


_DUTIES: Final = f"""
    select d.role, d.duty from {SCHEMA}.database_role d join pg_roles r on r.rolname = d.role
     order by d.role"""  # noqa: S608 - a name of ours
_NOTE_DUTY: Final = f"""
    insert into {SCHEMA}.database_role (role, duty) values (?, ?)
        on conflict (role) do update set duty = excluded.duty"""  # noqa: S608 - a name of ours
_NAME_CHANNEL: Final = f"""
    insert into {SCHEMA}.outbox_channel (one, name) values (1, ?)
        on conflict (one) do nothing"""  # noqa: S608 - a name of ours
_KIND: Final = """
    select c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ? and c.relname = ?"""
# Who owns the database can drop it, and choose what others' sessions run with.
# None where there is no such role.
_OWNS: Final = """
    select exists (
        select 1 from pg_roles r where pg_has_role(me.oid, r.oid, 'member') and (
            r.rolsuper
            or r.oid in (select datdba from pg_database where datname = current_database())
            or r.oid in (select nspowner from pg_namespace where nspname = any(:schemas))
            or r.oid in (
                select c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname = any(:schemas))))
      from pg_roles me where me.rolname = :role"""
_MAY_ENTER: Final = "select has_schema_privilege(cast(? as name), ?, 'usage')"
# All roles that one can become, also those whose rights it does not have before it does.
_REACHABLE: Final = """
    with reachable as (
        select r.* from pg_roles r where pg_has_role(cast(:role as name), r.oid, 'member'))"""
_THINGS: Final = """
    things as (
        select n.nspname, c.relname, c.oid, c.relkind, c.relacl from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any(:schemas) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    )"""
# A right on a single column counts where there is none on the whole.
_RIGHTS: Final = f"""{_REACHABLE},{_THINGS},
    whole as (
        select things.oid, nspname, relname, kind from things
         cross join unnest(cast(:kinds as text[])) as kind
         where relkind <> 'S' and exists (
               select 1 from reachable r where has_table_privilege(r.oid, things.oid, kind))
    )
    select nspname, relname, kind from whole
    union
    select nspname, relname, kind || '(' || a.attname || ')' from things
      join pg_attribute a on a.attrelid = things.oid and a.attacl is not null
     cross join unnest(array['select', 'insert', 'update', 'references']) as kind
     where exists (
           select 1 from reachable r where has_column_privilege(r.oid, things.oid, a.attnum, kind))
       and not exists (select 1 from whole w where w.oid = things.oid and w.kind = kind.kind)
    union
    select nspname, relname, kind from things
     cross join unnest(array['usage', 'select', 'update']) as kind
     where relkind = 'S' and exists (
           select 1 from reachable r where has_sequence_privilege(r.oid, things.oid, kind))
    """  # noqa: S608 - texts of this module
# What an extension or PostgreSQL itself brought is nobody's of the provider.
_OURS: Final = """n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (
           select 1 from pg_depend e where e.objid = {oid} and e.deptype = 'e')"""
# Of somebody else who may enter our schemas: what such a role made reads with its rights.
_INSIDER: Final = """{owner} not in (select oid from reachable) and exists (
           select 1 from pg_namespace s
            where s.nspname = any(:schemas) and has_schema_privilege({owner}, s.oid, 'usage'))"""
# What lets a role get at tables in another way.
_WAYS: Final = f"""{_REACHABLE},{_THINGS}
    select 'the right to make roles' from reachable where rolcreaterole
    union
    select 'replication, which copies the whole server' from reachable where rolreplication
    union
    select 'membership of ' || rolname from reachable where rolname = any(:of_server)
    union
    select 'create in the schema ' || nspname from reachable r, pg_namespace n
     where n.nspname = any(:schemas) and has_schema_privilege(r.oid, n.oid, 'create')
    union
    select 'usage of the schema ' || nspname from reachable r, pg_namespace n
     where n.nspname = any(:closed) and has_schema_privilege(r.oid, n.oid, 'usage')
    union
    select 'create in the database' from reachable
     where has_database_privilege(oid, current_database(), 'create')
    union
    -- Such a role gives others what it has itself.
    select 'the right to give others ' || lower(given.privilege_type) || ' on ' || relname
      from things cross join lateral aclexplode(relacl) as given
     where given.is_grantable and given.grantee in (select oid from reachable)
    union
    select 'the right to give others ' || lower(given.privilege_type) || ' on ' || relname
      from things join pg_attribute a on a.attrelid = things.oid
     cross join lateral aclexplode(a.attacl) as given
     where given.is_grantable and given.grantee in (select oid from reachable)
    union
    select 'select on ' || n.nspname || '.' || c.relname
      from reachable r, pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('v', 'm') and {_INSIDER.format(owner="c.relowner")}
       and n.nspname <> all(:schemas) and {_OURS.format(oid="c.oid")}
       and has_any_column_privilege(r.oid, c.oid, 'select')
       and has_schema_privilege(r.oid, n.oid, 'usage')
    union
    select 'the function ' || n.nspname || '.' || p.proname || ', which runs as its owner'
      from reachable r, pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where p.prosecdef and {_INSIDER.format(owner="p.proowner")}
       and {_OURS.format(oid="p.oid")}
       and has_function_privilege(r.oid, p.oid, 'execute')
       and has_schema_privilege(r.oid, n.oid, 'usage')
    union
    select 'rights on what is made later (alter default privileges)'
      from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
     cross join lateral aclexplode(d.defaclacl) as given
     where d.defaclobjtype in ('r', 'S', 'n') and (n.oid is null or n.nspname = any(:schemas))
       and given.grantee <> d.defaclrole
       and (given.grantee = 0 or given.grantee in (select oid from reachable))
     order by 1"""  # noqa: S608 - texts of this module
# Whoever may become one of copdns' roles may do what that one may.
_MEMBER: Final = "membership of "
_OUTSIDERS: Final = f"""
    with {_THINGS.strip()},
    known as (
        select r.oid, r.rolname from pg_roles r
          join {SCHEMA}.database_role d on d.role = r.rolname
        union
        select r.oid, r.rolname from pg_roles r
          join pg_namespace n on n.nspowner = r.oid where n.nspname = any(:schemas)
    ),
    others as (
        select r.oid, r.rolname from pg_roles r
         where r.rolsuper is false and r.rolname !~ '^pg_' and r.oid not in (select oid from known)
    )
    select o.rolname, '{_MEMBER}' || k.rolname from others o, known k
     where pg_has_role(o.oid, k.oid, 'member')
    union
    select o.rolname, kind || ' on ' || t.relname
      from others o, things t, unnest(cast(:kinds as text[])) as kind
     where t.relkind <> 'S' and (has_table_privilege(o.oid, t.oid, kind)
           or kind in ('select', 'insert', 'update')
              and has_any_column_privilege(o.oid, t.oid, kind))
     order by 1, 2"""  # noqa: S608 - texts of this module

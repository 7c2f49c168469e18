"""The database role of the staff's program: what it may do, and what it must not.

Families and nodes use the role that owns the tables.  The staff's program uses another one, which
may do what `STAFF_GRANTS` says and nothing else, so that its process cannot read a household or a
look-up, whatever is wrong with it.  `copdns provider roles` gives a role these rights; which roles
have them is read from the database's own catalogue, so that a step that adds a table gives them
the rights on it as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from psycopg import sql

from copdns.model.errors import StoreError
from copdns.store.db import transaction
from copdns.store.postgres.connection import (
    LOG_SCHEMA,
    SCHEMA,
    PostgresConnection,
    PostgresPool,
)

_READ: Final = ("select",)
_ADD: Final = ("select", "insert")
STAFF_GRANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "schema_step": _READ,
    "register_entry": _ADD,  # a trigger keeps its lines as they were written
    "register_head": (*_ADD, "update"),
    "staff_session": (*_ADD, "update", "delete"),
    "staff_language": (*_ADD, "update", "delete"),
    "used_login": (*_ADD, "delete"),
    # What guardians passed on has the site, the list and the tenant; whose it is stands elsewhere.
    "desk_case": (*_ADD, "update"),
    "desk_decision": (*_ADD, "delete"),
    "rollout": _ADD,
    "rollout_step": _ADD,
    "rollout_schema": _READ,
    "rollout_freeze": (*_ADD, "update"),
    "rollout_file": _ADD,
    "rollout_content": ("insert",),  # of a configuration it has passwords
    "rollout_message": (*_ADD, "delete"),
    "fleet_node": _READ,
    "fleet_taken": _READ,
    "fleet_figures": _READ,
    "report_figure": _READ,
    "node_minutes": _READ,
}
_SCHEMAS: Final = [SCHEMA, LOG_SCHEMA]
# Roles of PostgreSQL's own that read or write files of the server, and so all of it; that see texts
# of others' statements; and that end others' connections.
_SERVER_ROLES: Final = [
    *("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
    *("pg_read_all_stats", "pg_signal_backend", "pg_maintain"),
]
_MOST_NAMED: Final = 5  # of what a role lacks or has, in a sentence
_LOCK: Final = "=roles"  # no household has this id


class RoleRights(NamedTuple):
    """What a role may do, compared with what the staff's program needs; texts for people.

    owns: it may do whatever the role of the families may.  lacks, has: "select on desk_case".
    """

    role: str
    owns: bool
    lacks: tuple[str, ...]
    has: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it may do what the staff's program needs, and nothing else."""
        return not (self.owns or self.lacks or self.has)


def read_rights(pool: PostgresPool, role: str = "") -> RoleRights:
    """Return what a role may do, with all roles that it can become; blocks.

    role: "" for that of the pool.  Raises StoreError, also where there is no such role.
    """
    with pool.connection() as connection:
        return _read_rights(connection, role)


def _read_rights(connection: PostgresConnection, role: str) -> RoleRights:
    # Not whom it acts as, which a setting can choose: it can go back to who connected.
    name = role or str(connection.execute("select session_user").fetchone()[0])
    place = {"schemas": _SCHEMAS, "role": name, "log": LOG_SCHEMA, "of_server": _SERVER_ROLES}
    found = connection.execute(_OWNS, place).fetchone()
    if found is None:
        raise StoreError(
            f"PostgreSQL: there is no role {name}; make it once, as whoever runs PostgreSQL: "
            f"createuser {name}"
        )
    if found[0]:
        return RoleRights(name, True, (), ())
    rights = set(connection.execute(_RIGHTS, place))
    wanted = {(SCHEMA, table, right) for table, each in STAFF_GRANTS.items() for right in each}
    lacks = [_text(*each) for each in sorted(wanted - rights)]
    if not connection.execute(_MAY_ENTER, (name, SCHEMA)).fetchone()[0]:
        lacks = [f"usage of the schema {SCHEMA}"]
    has = [text for (text,) in connection.execute(_WAYS, place)]
    has += [_text(*each) for each in sorted(rights - wanted)]
    return RoleRights(name, False, tuple(lacks), tuple(has))


def _text(schema: str, table: str, right: str) -> str:
    return f"{right} on {table if schema == SCHEMA else f'{schema}.{table}'}"


def name_some(texts: Sequence[str]) -> str:
    """Return some of what a role lacks or has, for people."""
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def staff_roles(pool: PostgresPool) -> tuple[str, ...]:
    """Return the roles to which somebody gave what writes the register; blocks.  StoreError."""
    with pool.connection() as connection:
        return _staff_roles(connection)


def _staff_roles(connection: PostgresConnection) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in connection.execute(_STAFF_ROLES, (SCHEMA,)))


def grant_staff(pool: PostgresPool, role: str) -> None:
    """Give a role what the staff's program needs, and take what else it was given; blocks.

    The pool's role owns the tables; those of a provider's own (PROVIDER) must be there.  Raises
    StoreError, also where the role would have more rights all the same.
    """
    with pool.connection() as connection, transaction(connection, _LOCK):
        if _read_rights(connection, role).owns:
            raise StoreError(
                f"PostgreSQL: the role {role} may do whatever that of the families may; make "
                "another one for the staff's program, which owns nothing and is no superuser"
            )
        name = sql.Identifier(role)
        for schema in (SCHEMA, LOG_SCHEMA):
            if connection.execute("select to_regnamespace(?)", (schema,)).fetchone() == (None,):
                continue  # a log that nobody wrote so far
            for kind in ("all tables in", "all sequences in", "all functions in", ""):
                _run(
                    connection,
                    f"revoke all on {kind} schema {{}} from {{}} cascade",  # what it gave on, too
                    sql.Identifier(schema),
                    name,
                )
        _run(connection, "grant usage on schema {} to {}", sql.Identifier(SCHEMA), name)
        _grant(connection, role)
        left = _read_rights(connection, role)
        if not left.is_right:
            raise StoreError(
                f"PostgreSQL: the role {role} has more than it needs: {name_some(left.has)}; take "
                "that from it, from PUBLIC, or from the roles that it is a member of"
            )


def grant_again(connection: PostgresConnection) -> None:
    """Give the roles of the staff's program what a new step made, in the caller's transaction."""
    for role in _staff_roles(connection):
        _grant(connection, role)


def _grant(connection: PostgresConnection, role: str) -> None:
    for table, rights in STAFF_GRANTS.items():
        there = connection.execute("select to_regclass(?)", (f"{SCHEMA}.{table}",)).fetchone()
        if there != (None,):  # of a step that comes later
            _run(
                connection,
                f"grant {', '.join(rights)} on {{}} to {{}}",
                sql.Identifier(SCHEMA, table),
                sql.Identifier(role),
            )


def _run(connection: PostgresConnection, text: str, *names: sql.Identifier) -> None:
    connection.run_here(sql.SQL(text).format(*names).as_string())


# None where there is no such role.
_OWNS: Final = """
    select exists (
        select 1 from pg_roles r where pg_has_role(me.oid, r.oid, 'member') and (
            r.rolsuper
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
# A right on a single column counts.
_RIGHTS: Final = f"""{_REACHABLE},
    things as (
        select n.nspname, c.relname, c.oid, c.relkind from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = any(:schemas) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    )
    select nspname, relname, kind from things
     cross join unnest(array['select', 'insert', 'update', 'references']) as kind
     where relkind <> 'S' and exists (
           select 1 from reachable r where has_any_column_privilege(r.oid, things.oid, kind))
    union
    select nspname, relname, kind from things
     cross join unnest(array['delete', 'truncate', 'trigger']) as kind
     where relkind <> 'S' and exists (
           select 1 from reachable r where has_table_privilege(r.oid, things.oid, kind))
    union
    select nspname, relname, kind from things
     cross join unnest(array['usage', 'select', 'update']) as kind
     where relkind = 'S' and exists (
           select 1 from reachable r where has_sequence_privilege(r.oid, things.oid, kind))
    """  # noqa: S608 - texts of this module
# What an extension or PostgreSQL itself brought is not the families'.
_OURS: Final = """n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (
           select 1 from pg_depend e where e.objid = {oid} and e.deptype = 'e')"""
# What lets a role get at tables in another way.
_WAYS: Final = f"""{_REACHABLE},
    families as (select nspowner from pg_namespace where nspname = any(:schemas))
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
     where n.nspname = :log and has_schema_privilege(r.oid, n.oid, 'usage')
    union
    select 'create in the database' from reachable
     where has_database_privilege(oid, current_database(), 'create')
    union
    -- What the families' role made in other schemas reads with that role's rights.
    select 'select on ' || n.nspname || '.' || c.relname
      from reachable r, pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('v', 'm') and c.relowner in (select nspowner from families)
       and n.nspname <> all(:schemas) and {_OURS.format(oid="c.oid")}
       and has_any_column_privilege(r.oid, c.oid, 'select')
       and has_schema_privilege(r.oid, n.oid, 'usage')
    union
    select 'the function ' || n.nspname || '.' || p.proname || ', which runs as its owner'
      from reachable r, pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where p.prosecdef and p.proowner in (select nspowner from families)
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
# Of whoever reads the register and adds to it, that is what the staff's program alone does.
_STAFF_ROLES: Final = """
    select distinct r.rolname from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     cross join lateral aclexplode(c.relacl) as given
      join pg_roles r on r.oid = given.grantee
     where n.nspname = ? and c.relname = 'register_entry'
       and given.privilege_type = 'INSERT' and given.grantee <> c.relowner
     order by 1"""

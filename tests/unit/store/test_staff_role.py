"""What the database role of the staff's program may do, table by table, and how a role gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from copdns.cli.provider.serve import read_origin, require_role
from copdns.model.errors import ConfigError, StoreError
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.postgres.connection import LOG_SCHEMA, SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.staff_role import grant_staff, read_rights, staff_roles
from copdns.store.schema_stages import expand
from tests.household import family
from tests.unit.account_values import NOW
from tests.unit.calling import Home
from tests.unit.store.staff_site import give_staff_role

pytestmark = pytest.mark.once

STAFF, STRANGER = "copdns_staff", "copdns_stranger"
# Written here once more, so that no table is opened by a change in one place.  s(elect), i(nsert),
# u(pdate), d(elete); what is not here is refused.
MAY = {
    "copdns.schema_step": "s",
    "copdns.register_entry": "si",
    "copdns.register_head": "siu",
    "copdns.staff_session": "siud",
    "copdns.staff_language": "siud",
    "copdns.used_login": "sid",
    "copdns.desk_case": "siu",
    "copdns.desk_decision": "sid",
    "copdns.rollout": "si",
    "copdns.rollout_step": "si",
    "copdns.rollout_schema": "s",
    "copdns.rollout_freeze": "siu",
    "copdns.rollout_file": "si",
    "copdns.rollout_content": "i",
    "copdns.rollout_message": "sid",
    "copdns.fleet_node": "s",
    "copdns.fleet_taken": "s",
    "copdns.fleet_figures": "s",
    "copdns.report_figure": "s",
    "copdns.node_minutes": "s",
}
TRIES = {
    "s": "select * from {table} limit 1",
    "i": "insert into {table} default values",
    "u": "update {table} set {column} = default where false",
    "d": "delete from {table} where false",
    "t": "truncate {table}",
    "l": "lock table {table} in access exclusive mode",
}


@pytest.fixture
def owner(postgres: str, tmp_path: Path) -> Iterator[PostgresPool]:
    """As the families' role, with all tables and a household."""
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        apply_own_steps(store.pool, PROVIDER)
        with closing(ProviderLog(tmp_path, postgres)) as log:
            log.rows("home")  # makes its tables
        give_staff_role(postgres, store.pool)
        yield store.pool
        run(postgres, f"revoke pg_read_all_data from {STAFF}")


def run(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def relations(conninfo: str, kinds: str) -> list[tuple[str, str, str]]:
    """Return schema, name and the first column of what there is of some kinds."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            """
            select n.nspname, c.relname, (select attname from pg_attribute a
                    where a.attrelid = c.oid and attnum > 0 order by attnum limit 1)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname like 'copdns%%' and c.relkind = any(string_to_array(%s, null))
             order by 1, 2
            """,
            (kinds,),
        ).fetchall()


def what_is_allowed(conninfo: str, admin: str) -> dict[str, str]:
    """Try everything with every table and view; return what was not refused."""
    allowed: dict[str, str] = {}
    with psycopg.connect(conninfo) as connection:
        for schema, name, column in relations(admin, "rpvmf"):
            place = {"table": sql.Identifier(schema, name), "column": sql.Identifier(column)}
            for letter, text in TRIES.items():
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute(sql.SQL(text).format(**place))  # type: ignore[arg-type]
                except psycopg.errors.InsufficientPrivilege:
                    continue
                except psycopg.Error:  # a row that the table does not take: the right is there
                    pass
                key = f"{schema}.{name}"
                allowed[key] = allowed.get(key, "") + letter
    return allowed


def test_each_table_is_refused_but_for_a_closed_list(owner: PostgresPool, postgres: str) -> None:
    run(
        postgres,
        f"drop role if exists {STRANGER}",
        f"create role {STRANGER} login",
        # Nobody reads what the server says, and it waits when that is too much.
        *(f"alter role {each} set log_min_messages = panic" for each in (STAFF, STRANGER)),
    )
    tables = {f"{schema}.{name}" for schema, name, _ in relations(postgres, "rpvmf")}
    assert len(tables) > 90
    assert {"copdns.household", "copdns.appeal", "copdns_log.lookup"} <= tables
    found = what_is_allowed(make_conninfo(postgres, user=STAFF), postgres)
    # Whoever may write a table may keep others from writing it meanwhile.
    locks = {name: "".join(sorted(set(letters) - {"l"})) for name, letters in found.items()}
    assert locks == {name: "".join(sorted(letters)) for name, letters in MAY.items()}
    assert what_is_allowed(make_conninfo(postgres, user=STRANGER), postgres) == {}


def test_no_sequence_and_no_function_tells_the_staffs_role_anything(
    owner: PostgresPool, postgres: str
) -> None:
    with psycopg.connect(make_conninfo(postgres, user=STAFF), autocommit=True) as connection:
        for schema, name, _ in relations(postgres, "S"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    sql.SQL("select last_value from {}").format(sql.Identifier(schema, name))
                )
        as_others = connection.execute(
            "select proname from pg_proc where prosecdef and pronamespace::regnamespace::text"
            " like 'copdns%'"
        ).fetchall()
        assert as_others == [], "a function that runs as its owner reads what its owner reads"
        for refused in ("set role copdns", "create table copdns.mine ()", "create schema mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)


def test_what_else_a_role_was_given_is_taken_and_twice_is_harmless(
    owner: PostgresPool, postgres: str
) -> None:
    run(
        postgres,
        f"grant select (household) on {SCHEMA}.appeal to {STAFF}",
        f"grant update on {SCHEMA}.desk_decision to {STAFF}",
        f"grant usage on schema {LOG_SCHEMA} to {STAFF}",
        f"grant select on {LOG_SCHEMA}.lookup to {STAFF}",
        f"revoke select on {SCHEMA}.desk_case from {STAFF}",
    )
    rights = read_rights(owner, STAFF)
    assert rights.lacks == ("select on desk_case",)
    assert rights.has == (
        f"usage of the schema {LOG_SCHEMA}",
        "select on appeal",
        "update on desk_decision",
        f"select on {LOG_SCHEMA}.lookup",
    )
    for _ in range(2):
        grant_staff(owner, STAFF)
        assert read_rights(owner, STAFF).is_right
    assert staff_roles(owner) == (STAFF,)


def test_a_role_with_a_way_to_everything_is_refused(owner: PostgresPool, postgres: str) -> None:
    with pytest.raises(StoreError, match="createuser nobody"):
        grant_staff(owner, "nobody_here")
    with pytest.raises(StoreError, match="make another one"):
        grant_staff(owner, "copdns")
    run(postgres, f"grant pg_read_all_data to {STAFF}")
    with pytest.raises(StoreError, match=r"more than it needs.*and .* more; take that"):
        grant_staff(owner, STAFF)
    run(postgres, f"revoke pg_read_all_data from {STAFF}", f"alter role {STAFF} noinherit")
    run(postgres, f"drop role if exists {STRANGER}", f"create role {STRANGER}")
    run(postgres, f"grant copdns to {STRANGER}", f"grant {STRANGER} to {STAFF}")
    assert read_rights(owner, STAFF).owns, "it can become who owns the tables"
    run(postgres, f"drop role {STRANGER}", f"alter role {STAFF} inherit createrole")
    assert read_rights(owner, STAFF).has == ("the right to make roles",)
    run(postgres, f"alter role {STAFF} nocreaterole")
    assert read_rights(owner, STAFF).is_right


@pytest.mark.parametrize("is_in_stages", [False, True])
def test_a_table_of_a_later_version_is_the_roles_as_well(
    owner: PostgresPool, postgres: str, *, is_in_stages: bool
) -> None:
    run(
        postgres,
        f"drop table {SCHEMA}.staff_language",
        f"delete from {SCHEMA}.schema_step where name = '0015_staff_languages'",
    )
    with (
        pytest.raises(StoreError, match=f"the role {STAFF} may not"),
        closing(PostgresPool(make_conninfo(postgres, user=STAFF), most=1)) as pool,
    ):
        apply_own_steps(pool, PROVIDER)
    if is_in_stages:
        assert expand(postgres) == ("provider/0015_staff_languages",)
    else:
        apply_own_steps(owner, PROVIDER)
    assert read_rights(owner, STAFF).is_right


def test_the_staffs_program_starts_as_a_role_that_is_right_or_the_families(
    owner: PostgresPool, postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    require_role(read_rights(owner, STAFF), lets_in=False)
    assert capsys.readouterr().err == ""
    with pytest.raises(ConfigError, match="copdns provider welcome"):
        require_role(read_rights(owner, STAFF), lets_in=True)
    require_role(read_rights(owner), lets_in=True)
    assert "copdns provider roles grant" in capsys.readouterr().err
    run(postgres, f"grant select on {SCHEMA}.household to {STAFF}")
    with pytest.raises(StoreError, match="more than the staff's program needs: select on househ"):
        require_role(read_rights(owner, STAFF), lets_in=False)
    run(postgres, f"revoke all on {SCHEMA}.staff_session from {STAFF}")
    with pytest.raises(StoreError, match="it lacks delete on staff_session, insert on"):
        require_role(read_rights(owner, STAFF), lets_in=False)


def test_an_origin_without_tls_is_this_machine_alone() -> None:
    for good in ("https://staff.provider.example", "http://127.0.0.1:8054", "http://[::1]:8054/"):
        assert read_origin(good) == good.rstrip("/")
    for bad in (
        "http://127.0.0.1.provider.example",
        "http://127.0.0.1@provider.example",
        "https://",
    ):
        with pytest.raises(ConfigError, match="HTTPS alone"):
            read_origin(bad)


def test_commands_of_the_register_run_as_it_and_those_of_families_do_not(
    owner: PostgresPool, postgres: str, tmp_path: Path
) -> None:
    store: HouseholdStore = ProviderStore(owner)
    asyncio.run(store.create(family(), "ada", NOW))
    home = Home(tmp_path)
    home.set(provider={"database": postgres})
    said = home.ok("provider", "roles", "grant")
    assert "nothing else" in said
    assert home.json("provider", "roles", "check") == [
        {"role": STAFF, "owns": False, "lacks": [], "has": []}
    ]
    assert home.call("provider", "roles", "check", "copdns").exit_code == 1
    home.set(provider={"database": make_conninfo(postgres, user=STAFF)})
    home.ok("provider", "keys")
    home.ok("provider", "staff", "add", "ada", "--name", "Ada", "--role", "administrator")
    assert [each["id"] for each in home.json("provider", "staff", "list")] == ["ada"]
    home.ok("provider", "law", "check")
    assert home.json("provider", "desk", "list") == []
    assert home.json("provider", "roles", "check")[0]["role"] == STAFF
    for command in (("household", "export", "-"), ("rule", "list"), ("appeal", "list")):
        refused = home.call(*command)
        assert (refused.exit_code, "permission denied" in refused.stderr) == (1, True), command

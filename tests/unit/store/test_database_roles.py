"""What each role of a provider's database may do, table by table, and how a role gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from copdns.cli.provider.serve import read_origin, require_staff_role
from copdns.model.errors import ConfigError, StoreError
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import LOG_SCHEMA, SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.role_grants import GRANTS, RoleDuty
from copdns.store.provider_db.role_rights import (
    find_outsiders,
    grant_again,
    grant_duty,
    read_duties,
    read_rights,
    require_duty,
)
from copdns.store.schema_stages import expand, other_programs
from tests.database_roles import OWNER, give_roles, make_role, ready_roles
from tests.household import family
from tests.unit.account_values import NOW
from tests.unit.calling import Home
from tests.unit.store.role_words import rows_of

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[3]
STAFF, STRANGER = "copdns_staff", "copdns_stranger"
POLICY = (
    "household",
    "profile",
    "device",
    "rule",
    "own_service",
    "local_name",
    "name_rewrite",
    "split_upstream",
    "schedule",
    "budget",
    "pause",
    "grant",
    "bonus",
    "ticket",
    "moved_bedtime",
    "filter_break",
    "full_log_history",
    "guest",
    "device_move",
)
# What children and guardians say, and how they log in: of the families' role alone.
PEOPLE = (
    "appeal",
    "appeal_answer",
    "list_error",
    "proposal",
    "claim",
    "stance",
    "age_confirmed",
    "account",
    "account_code",
    "recovery",
    "one_time_code",
    "session",
    "browser",
    "token",
    "former_browser",
    "pin",
    "pairing",
    "pairing_open",
    "family_code",
    "setup",
    "person_made",
    "change",
    "look",
    "former_profile",
    "full_log_question",
    "notice",
    "notice_seen",
    "digest",
    "push_subscription",
    "upstreams_told",
    "follower",
    "follower_key",
    "other_home",
    "ended_home",
    "guest_request",
    "ignored_visitor",
    "ticket_attempt",
)
LOG = (
    "lookup",
    "lookup_count",
    "usage",
    "bypass_sign",
    "device_week",
    "visitor",
    "visitor_number",
    "list_count",
    "erasure",
    "clock",
)
EVERYBODY = {"copdns.schema_step": "s", "copdns.database_role": "s"}
REPORT = ("copdns.report_sum", "copdns.node_minutes")
FLEET = dict.fromkeys(("copdns.fleet_node", "copdns.fleet_taken", "copdns.fleet_figures"), "s")
# Written here once more, so that no table is opened by a change in one place.  s(elect), i(nsert),
# u(pdate), d(elete), of some columns in brackets; U(sage) of a sequence.  What is not here is
# refused.
MAY: dict[RoleDuty, dict[str, str]] = {
    RoleDuty.FAMILIES: {
        **EVERYBODY,
        **{f"copdns.{each}": "disu" for each in (*POLICY, *PEOPLE)},
        **{f"copdns_log.{each}": "disu" for each in LOG},
        "copdns_log.schema_step": "s",
        "copdns.outbox": "isu",
        "copdns.outbox_channel": "s",
        "copdns.outbox_number": "U",
        "copdns.usage_moved": "dis",
        "copdns.household_tenant": "dis",
        "copdns.passed_on": "dis",
        "copdns.tenant_look": "s",
        "copdns.desk_case": "dis",
        "copdns.desk_decision": "s",
        "copdns.device_heard": "disu",
        "copdns.report_figure": "disu",
        "copdns.report_sum": "disu",
        "copdns.node_minutes": "ds",
        "copdns.rollout": "s",
        "copdns.rollout_step": "s",
        "copdns.rollout_schema": "s",
        "copdns.rollout_freeze": "s",
        "copdns.fleet_node": "s",
        "copdns.fleet_taken": "s",
    },
    RoleDuty.NODES: {
        **EVERYBODY,
        **{f"copdns.{each}": "s" for each in POLICY},
        "copdns.outbox": "su(number)",
        "copdns.outbox_channel": "s",
        "copdns.outbox_number": "U",
        "copdns.line": "s",
        "copdns.line_address": "s",
        "copdns.line_writer": "s",
        "copdns.line_share": "isu",
        "copdns.register_entry": "s",
        "copdns.register_head": "s",
        "copdns.desk_case": "s",
        "copdns.desk_decision": "s",
        "copdns.staff_language": "s",
        "copdns.rollout": "s",
        "copdns.rollout_schema": "s",
        "copdns.rollout_freeze": "s",
        "copdns.rollout_content": "s",
        "copdns.rollout_file": "s",
        "copdns.rollout_step": "is",
        "copdns.rollout_message": "disu",
        "copdns.queue_told": "disu",
        "copdns.fleet_node": "disu",
        "copdns.fleet_taken": "isu",
        "copdns.fleet_figures": "dis",
        "copdns.usage_moved": "is",
        "copdns.device_heard": "disu",
        **dict.fromkeys((*REPORT, "copdns.report_figure"), "disu"),
        "copdns.household_tenant": "s",
        "copdns_log.schema_step": "s",
        "copdns_log.lookup": "i",
        "copdns_log.lookup_count": "isu",
        "copdns_log.list_count": "isu",
        "copdns_log.usage": "isu",
        "copdns_log.erasure": "s",
    },
    RoleDuty.BINDINGS: {
        **EVERYBODY,
        "copdns.line": "isu",
        "copdns.line_address": "isu",
        "copdns.line_writer": "isu",
        "copdns.line_session": "disu",
        "copdns.line_told": "dis",
        "copdns.line_number": "U",
    },
    RoleDuty.WELCOME: {
        **EVERYBODY,
        "copdns.register_entry": "s",
        "copdns.register_head": "s",
        "copdns.portal_link": "dis",
        "copdns.household": "is(household, revision)",
        "copdns.household_tenant": "isu",
        "copdns.change": "i",
        "copdns.account": "is",
        "copdns.account_code": "i",
        "copdns.one_time_code": "dis(household, account)",
        "copdns.family_code": "is(household)",
        "copdns.notice": "is(id)",
        "copdns.outbox": "is(household, revision)u(revision, number)",
    },
    RoleDuty.OPERATOR: {
        **EVERYBODY,
        **FLEET,
        "copdns.register_entry": "s",
        "copdns.register_head": "s",
        "copdns.tenant_look": "dis",
        "copdns.rollout": "disu",
        "copdns.rollout_step": "is",
        "copdns.rollout_schema": "is",
        "copdns.rollout_freeze": "isu",
        "copdns.rollout_content": "dis",
        "copdns.rollout_file": "dis",
        "copdns.rollout_message": "dis",
    },
    RoleDuty.STAFF: {
        **EVERYBODY,
        **FLEET,
        **dict.fromkeys(REPORT, "s"),
        "copdns.register_entry": "is",
        "copdns.register_head": "isu",
        "copdns.staff_session": "disu",
        "copdns.staff_language": "disu",
        "copdns.used_login": "dis",
        "copdns.desk_case": "isu",
        "copdns.desk_decision": "dis",
        "copdns.desk_entry": "dis",
        "copdns.desk_head": "isu",
        "copdns.rollout": "is",
        "copdns.rollout_step": "is",
        "copdns.rollout_file": "is",
        "copdns.rollout_content": "i",
        "copdns.rollout_schema": "s",
        "copdns.rollout_freeze": "isu",
        "copdns.rollout_message": "dis",
    },
}
OF_TABLES = {
    "i": "insert into {table} default values",
    "d": "delete from {table} where false",
    "t": "truncate {table}",
    "l": "lock table {table} in access exclusive mode",
}
OF_COLUMNS = {
    "s": "select {column} from {table} limit 1",
    "u": "update {table} set {column} = default where false",
}
OF_SEQUENCES = {"U": "select nextval('{table}')", "s": "select last_value from {table}"}


@pytest.fixture
def owner(postgres: str) -> Iterator[PostgresPool]:
    """As the role that owns the tables, with all roles and tables, and a household."""
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        ready_roles(postgres)
        make_role(postgres, STRANGER)
        yield store.pool
        run(postgres, f"revoke pg_read_all_data from {STAFF}")


def run(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def relations(conninfo: str, kinds: str) -> list[tuple[str, str, list[str]]]:
    """Return schema, name and columns of what there is of some kinds."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            """
            select n.nspname, c.relname, array(select attname from pg_attribute a
                    where a.attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname like 'copdns%%' and c.relkind = any(string_to_array(%s, null))
             order by 1, 2
            """,
            (kinds,),
        ).fetchall()


def is_allowed(connection: psycopg.Connection, text: str, **place: sql.Identifier) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL(text).format(**place))  # type: ignore[arg-type]
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.Error:  # a row that the table does not take: the right is there
        pass
    return True


def what_is_allowed(conninfo: str, admin: str) -> dict[str, str]:
    """Try everything with every table, view, column and sequence; return what was not refused."""
    allowed: dict[str, str] = {}
    with psycopg.connect(conninfo) as connection:
        for schema, name, columns in relations(admin, "rpvmf"):
            place = {"table": sql.Identifier(schema, name)}
            found = [
                letter
                for letter, text in OF_TABLES.items()
                if is_allowed(connection, text, **place)
            ]
            for letter, text in OF_COLUMNS.items():
                some = [
                    each
                    for each in columns
                    if is_allowed(connection, text, **place, column=sql.Identifier(each))
                ]
                if some:
                    found.append(letter if some == columns else f"{letter}({', '.join(some)})")
            # Whoever may write a table may keep others from writing it meanwhile.
            if kept := [each for each in found if each != "l"] or found:
                allowed[f"{schema}.{name}"] = "".join(sorted(kept))
        for schema, name, _ in relations(admin, "S"):
            for letter, text in OF_SEQUENCES.items():
                if is_allowed(connection, text, table=sql.Identifier(schema, name)):
                    key = f"{schema}.{name}"
                    allowed[key] = allowed.get(key, "") + letter
    return allowed


@pytest.mark.parametrize("duty", RoleDuty)
def test_each_table_and_sequence_is_refused_but_for_a_closed_list(
    owner: PostgresPool, postgres: str, duty: RoleDuty
) -> None:
    # Nobody reads what the server says, and it waits when that is too much.
    run(postgres, f"alter role {duty.role} set log_min_messages = panic")
    tables = {f"{schema}.{name}" for schema, name, _ in relations(postgres, "rpvmf")}
    assert len(tables) > 90
    assert {"copdns.household", "copdns.appeal", "copdns_log.lookup"} <= tables
    assert what_is_allowed(make_conninfo(postgres, user=duty.role), postgres) == MAY[duty]


def test_a_role_without_a_duty_is_refused_everything(owner: PostgresPool, postgres: str) -> None:
    run(postgres, f"alter role {STRANGER} set log_min_messages = panic")
    assert what_is_allowed(make_conninfo(postgres, user=STRANGER), postgres) == {}


def test_each_table_is_of_some_role_or_of_the_owner_alone(
    owner: PostgresPool, postgres: str
) -> None:
    names = {name for may in MAY.values() for name in may}
    tables = {f"{schema}.{name}" for schema, name, _ in relations(postgres, "rpvmf")}
    assert tables - names == set()
    assert set(GRANTS) == set(MAY) == set(RoleDuty)


@pytest.mark.parametrize("duty", RoleDuty)
def test_the_page_about_roles_says_what_each_may_do(duty: RoleDuty) -> None:
    page = (ROOT / "docs/database-roles.md").read_text()
    section = page.partition(f"| `{duty.role}` | tables and sequences |\n|---|---|\n")[2]
    assert section.partition("\n\n")[0].rstrip("\n").split("\n") == rows_of(duty)


def test_only_the_families_role_reads_words_passwords_and_sessions() -> None:
    private = {f"copdns.{each}" for each in PEOPLE} | {"copdns_log.lookup", "copdns.passed_on"}
    # It makes the first guardian of a household, where there is none.
    first = {"copdns.account"}
    for duty, may in MAY.items():
        whole = {each: letters.partition("s(")[0] for each, letters in may.items()}
        read = {each for each, letters in whole.items() if "s" in letters} & private
        expected = {RoleDuty.FAMILIES: private, RoleDuty.WELCOME: first}.get(duty, set())
        assert read == expected, duty


@pytest.mark.parametrize("duty", RoleDuty)
def test_no_role_can_become_another_or_make_anything(
    owner: PostgresPool, postgres: str, duty: RoleDuty
) -> None:
    others = [each.role for each in RoleDuty if each is not duty]
    with psycopg.connect(make_conninfo(postgres, user=duty.role), autocommit=True) as connection:
        as_others = connection.execute(
            "select proname from pg_proc where prosecdef and pronamespace::regnamespace::text"
            " like 'copdns%'"
        ).fetchall()
        assert as_others == [], "a function that runs as its owner reads what its owner reads"
        for refused in (
            *(f"set role {each}" for each in ("copdns", *others)),
            "set session authorization copdns",
            "create table copdns.mine ()",
            "create schema mine",
            "create role mine",
            "copy copdns.schema_step to program 'cat'",
            "copy copdns.schema_step to '/tmp/mine'",
            "select pg_read_file('postgresql.conf')",
            "select lo_import('/etc/passwd')",
            "alter table copdns.schema_step disable trigger all",
            "set session_replication_role = replica",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())
        told: list[str] = []
        connection.add_notice_handler(lambda each: told.append(str(each.sqlstate)))
        connection.execute(f"grant select on copdns.schema_step to {STRANGER}".encode())
        assert told == ["01007"], "nothing was given"


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
    rights = read_rights(owner, RoleDuty.STAFF, STAFF)
    assert rights.lacks == ("select on desk_case",)
    assert rights.has == (
        f"usage of the schema {LOG_SCHEMA}",
        "select (household) on appeal",
        "update on desk_decision",
        f"select on {LOG_SCHEMA}.lookup",
    )
    for _ in range(2):
        grant_duty(owner, RoleDuty.STAFF, STAFF)
        assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right
    assert read_duties(owner) == {duty.role: duty for duty in RoleDuty}


def test_a_role_that_gets_another_duty_loses_the_first(owner: PostgresPool) -> None:
    grant_duty(owner, RoleDuty.BINDINGS, "copdns_nodes")
    assert read_rights(owner, RoleDuty.BINDINGS, "copdns_nodes").is_right
    assert read_duties(owner)["copdns_nodes"] is RoleDuty.BINDINGS
    assert not read_rights(owner, RoleDuty.NODES, "copdns_nodes").is_right


def test_a_role_with_a_way_to_everything_is_refused(owner: PostgresPool, postgres: str) -> None:
    with pytest.raises(StoreError, match="createuser nobody"):
        grant_duty(owner, RoleDuty.STAFF, "nobody_here")
    with pytest.raises(StoreError, match="make another one"):
        grant_duty(owner, RoleDuty.STAFF, "copdns")
    run(postgres, f"grant pg_read_all_data to {STAFF}")
    with pytest.raises(StoreError, match=r"more than it needs.*and .* more; take that"):
        grant_duty(owner, RoleDuty.STAFF, STAFF)
    run(postgres, f"revoke pg_read_all_data from {STAFF}", f"alter role {STAFF} noinherit")
    run(postgres, f"drop role if exists {STRANGER}", f"create role {STRANGER}")
    run(postgres, f"grant copdns to {STRANGER}", f"grant {STRANGER} to {STAFF}")
    assert read_rights(owner, RoleDuty.STAFF, STAFF).owns, "it can become who owns the tables"
    run(postgres, f"drop role {STRANGER}", f"alter role {STAFF} inherit createrole")
    assert read_rights(owner, RoleDuty.STAFF, STAFF).has == ("the right to make roles",)
    run(postgres, f"alter role {STAFF} nocreaterole")
    assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right


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
    for duty in RoleDuty:
        assert read_rights(owner, duty, duty.role).is_right


def test_the_role_of_the_staff_from_before_keeps_its_duty(
    owner: PostgresPool, postgres: str
) -> None:
    run(
        postgres,
        f"drop table {SCHEMA}.database_role",
        f"delete from {SCHEMA}.schema_step where name = '0021_database_roles'",
    )
    apply_own_steps(owner, PROVIDER)
    assert read_duties(owner) == {STAFF: RoleDuty.STAFF}
    assert read_rights(owner, RoleDuty.STAFF, STAFF).is_right


def test_a_program_starts_as_the_role_of_its_duty_or_that_of_the_owner(
    owner: PostgresPool, postgres: str
) -> None:
    assert "createuser copdns_nodes; copdns provider roles grant nodes" in require_duty(
        owner, RoleDuty.NODES
    )
    for duty in RoleDuty:
        with closing(PostgresPool(make_conninfo(postgres, user=duty.role), most=1)) as pool:
            assert require_duty(pool, duty) == ""
            for other in set(RoleDuty) - {duty}:
                with pytest.raises(StoreError, match=f"is for {duty}, and this .* for {other}"):
                    require_duty(pool, other)


def test_the_staffs_program_starts_as_a_role_that_is_right_or_the_owners(
    owner: PostgresPool, postgres: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(PostgresPool(make_conninfo(postgres, user=STAFF), most=1)) as pool:
        require_staff_role(pool, lets_in=False)
        assert capsys.readouterr().err == ""
        with pytest.raises(ConfigError, match="copdns provider welcome"):
            require_staff_role(pool, lets_in=True)
        require_staff_role(owner, lets_in=True)
        assert "copdns provider roles grant" in capsys.readouterr().err
        run(postgres, f"grant select on {SCHEMA}.household to {STAFF}")
        with pytest.raises(
            StoreError, match=r"has more than staff takes: select on household\. Run"
        ):
            require_staff_role(pool, lets_in=False)
        run(postgres, f"revoke all on {SCHEMA}.staff_session from {STAFF}")
        with pytest.raises(StoreError, match="it lacks delete on staff_session, insert on"):
            require_staff_role(pool, lets_in=False)


def test_an_owner_that_is_no_superuser_makes_all_of_it(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("drop database if exists owned")
        make_role(postgres, OWNER)
        connection.execute(f"create database owned owner {OWNER}".encode())
    try:
        with closing(PostgresPool(make_conninfo(postgres, dbname="owned", user=OWNER))) as owner:
            owned = make_conninfo(postgres, dbname="owned")
            for duty, reached in give_roles(owned, owner).items():
                with closing(PostgresPool(reached, most=1)) as pool:
                    assert require_duty(pool, duty) == ""
            assert find_outsiders(owner) == ()
            apart = make_conninfo(owned, user="copdns_nodes", application_name="copdns 0.0.1")
            with closing(psycopg.connect(apart)):
                found = other_programs(owner.conninfo)
                assert found == ("copdns 0.0.1 of the role copdns_nodes",)
    finally:
        run(postgres, "drop database owned with (force)")


def test_who_gets_at_the_tables_without_a_duty_is_told(owner: PostgresPool, postgres: str) -> None:
    assert find_outsiders(owner) == ()
    for given, taken, how in (
        ("grant copdns_families to {0}", "revoke copdns_families from {0}", "membership of"),
        ("grant copdns to {0}", "revoke copdns from {0}", "membership of copdns"),
        ("grant pg_read_all_data to {0}", "revoke pg_read_all_data from {0}", "select on appeal"),
        (
            "grant select (words) on copdns.appeal to {0}",
            "revoke select (words) on copdns.appeal from {0}",
            "select on appeal",
        ),
        (
            "grant truncate on copdns_log.lookup to public",
            "revoke truncate on copdns_log.lookup from public",
            "truncate on lookup",
        ),
    ):
        run(postgres, given.format(STRANGER))
        try:
            outsiders = {each.role: each.how for each in find_outsiders(owner)}
        finally:  # else the next test's roles have it too
            run(postgres, taken.format(STRANGER))
        # What PUBLIC has, roles of other tests have as well.
        assert [*outsiders] == [STRANGER] or "public" in given
        assert any(each.startswith(how) for each in outsiders[STRANGER]), outsiders
    assert find_outsiders(owner) == ()


def test_a_duty_of_another_version_is_left_alone(owner: PostgresPool, postgres: str) -> None:
    run(postgres, f"update {SCHEMA}.database_role set duty = 'sweeping' where role = '{STAFF}'")
    assert STAFF not in read_duties(owner)
    with owner.connection() as connection:
        grant_again(connection)


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


def test_commands_of_the_register_run_as_the_staffs_role_and_those_of_families_do_not(
    owner: PostgresPool, postgres: str, tmp_path: Path
) -> None:
    store: HouseholdStore = ProviderStore(owner)
    asyncio.run(store.create(family(), "ada", NOW))
    home = Home(tmp_path)
    home.set(provider={"database": postgres})
    assert home.ok("provider", "roles", "grant").count("nothing else") == len(RoleDuty)
    assert home.ok("provider", "roles", "grant", "staff", "--role", STAFF)
    assert home.call("provider", "roles", "grant", "--role", STAFF).exit_code == 2
    found = home.json("provider", "roles", "check")
    assert found["others"] == []
    assert found["roles"][0] == {
        "role": "copdns_bindings",
        "duty": "bindings",
        "owns": False,
        "lacks": [],
        "has": [],
    }
    assert home.call("provider", "roles", "check", "copdns").exit_code == 1
    home.set(provider={"database": make_conninfo(postgres, user=STAFF)})
    home.ok("provider", "keys")
    home.ok("provider", "staff", "add", "ada", "--name", "Ada", "--role", "administrator")
    assert [each["id"] for each in home.json("provider", "staff", "list")] == ["ada"]
    home.ok("provider", "law", "check")
    assert home.json("provider", "desk", "list") == []
    assert len(home.json("provider", "roles", "check")["roles"]) == len(RoleDuty)
    for command in (("household", "export", "-"), ("rule", "list"), ("appeal", "list")):
        refused = home.call(*command)
        assert (refused.exit_code, "permission denied" in refused.stderr) == (1, True), command

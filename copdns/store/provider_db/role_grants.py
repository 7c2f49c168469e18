"""What each of copdns' programs may do in a provider's PostgreSQL: one closed list for each. Pure.

One role owns the tables, and only what changes the schema or gives rights connects as it.  Every
other program connects as a role with one duty, which may do what stands here and nothing else: so a
program that is wrong, or taken over, reads what its duty reads.  docs/database-roles.md says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

Grants = Mapping[str, tuple[str, ...]]
LOG: Final = "copdns_log."  # before the names of what is in that schema


class RoleDuty(StrEnum):
    """What a role of the database is for."""

    FAMILIES = "families"  # `copdns run` with pages, and commands about households
    NODES = "nodes"  # `copdns run` without pages, and `copdns node` but for bindings
    BINDINGS = "bindings"  # `copdns node bindings`
    WELCOME = "welcome"  # `copdns provider welcome`, and `copdns provider tenant assign`
    OPERATOR = "operator"  # `copdns provider rollout`, and `copdns provider tenant look`
    STAFF = "staff"  # `copdns provider serve`, and commands of the register, the desk and the staff

    @property
    def role(self) -> str:
        """The name that its role has where nobody chose another."""
        return f"copdns_{self}"


_READ: Final = ("select",)
_ADD: Final = ("select", "insert")
_PUT: Final = ("select", "insert", "update")
_DROP: Final = ("select", "insert", "delete")
_ALL: Final = ("select", "insert", "update", "delete")
_USE: Final = ("usage",)  # of a sequence


def _each(rights: tuple[str, ...], *tables: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(tables, rights)


def _only(right: str, *columns: str) -> tuple[str, ...]:
    return tuple(f"{right}({column})" for column in columns)


# What a policy is made of.
_POLICY: Final = (
    *("household", "profile", "device", "rule", "own_service", "local_name", "name_rewrite"),
    *("split_upstream", "schedule", "budget", "pause", "grant", "bonus", "ticket"),
    *("moved_bedtime", "filter_break"),
)
# What else is about a household and whether it counts for its policy.
_ADMITTED: Final = ("full_log_history", "guest", "device_move")
# What only pages and commands of a family need: words, accounts, passwords, sessions, codes.
_PEOPLE: Final = (
    *("appeal", "appeal_answer", "list_error", "proposal", "claim", "stance", "age_confirmed"),
    *("account", "account_code", "recovery", "one_time_code", "session", "browser", "token"),
    *("former_browser", "pin", "pairing", "pairing_open", "family_code", "setup", "person_made"),
    *("change", "look", "former_profile", "full_log_question", "notice", "notice_seen", "digest"),
    *("push_subscription", "upstreams_told", "follower", "follower_key", "other_home"),
    *("ended_home", "guest_request", "ignored_visitor", "ticket_attempt"),
)
_LOG_TABLES: Final = (
    *("lookup", "lookup_count", "usage", "bypass_sign", "device_week", "visitor"),
    *("visitor_number", "list_count", "erasure", "clock"),
)
# Whoever writes a household notes by a trigger that it moved, as itself.
_MOVES: Final[Grants] = {
    "outbox": (
        "insert",
        *_only("select", "household", "revision"),
        *_only("update", "revision", "number"),
    )
}
_FOLLOWS: Final[Grants] = {"outbox_channel": _READ, "outbox_number": _USE}
_EVERYBODY: Final[Grants] = _each(_READ, "schema_step", "database_role")

_FAMILIES: Final[Grants] = {
    **_EVERYBODY,
    **_each(_ALL, *_POLICY, *_ADMITTED, *_PEOPLE),
    **_each(_READ, f"{LOG}schema_step"),
    **_each(_ALL, *(f"{LOG}{table}" for table in _LOG_TABLES)),
    **_FOLLOWS,
    "outbox": _PUT,
    "usage_moved": _DROP,
    # A backup that is restored over a household keeps what the provider has beside it.
    "household_tenant": _DROP,
    "passed_on": _DROP,
    "tenant_look": _READ,
    "desk_case": _DROP,  # what was kept for long enough is deleted by whoever leads
    "desk_decision": _READ,
    "device_heard": _ALL,
    **_each(_ALL, "report_figure", "report_sum"),
    "node_minutes": ("select", "delete"),
    # What `copdns doctor` tells of them; nothing of a household, and no file that nodes get.
    **_each(_READ, "rollout", "rollout_step", "rollout_schema", "rollout_freeze"),
    **_each(_READ, "fleet_node", "fleet_taken"),
}
_NODES: Final[Grants] = {
    **_EVERYBODY,
    **_each(_READ, *_POLICY, *_ADMITTED),
    **_FOLLOWS,
    "outbox": ("select", *_only("update", "number")),
    "line_share": _PUT,
    **_each(_READ, "line", "line_address", "line_writer", "register_entry", "register_head"),
    **_each(_READ, "desk_case", "desk_decision", "staff_language"),
    **_each(_READ, "rollout", "rollout_schema", "rollout_freeze", "rollout_content"),
    "rollout_file": _READ,
    "rollout_step": _ADD,
    "rollout_message": _ALL,
    "queue_told": _ALL,
    "fleet_node": _ALL,
    "fleet_taken": _PUT,
    "fleet_figures": _DROP,
    "usage_moved": _ADD,
    "device_heard": _ALL,
    # For the quarterly report: by day, of all households together.
    **_each(_ALL, "report_figure", "report_sum", "node_minutes"),
    "household_tenant": _READ,
    f"{LOG}schema_step": _READ,
    # What was looked up is written here, and read nowhere but on pages.
    f"{LOG}lookup": ("insert",),
    f"{LOG}lookup_count": _PUT,
    f"{LOG}list_count": _PUT,
    f"{LOG}usage": _PUT,
    f"{LOG}erasure": _READ,
}
_BINDINGS: Final[Grants] = {
    **_EVERYBODY,
    **_each(_PUT, "line", "line_address", "line_writer"),
    "line_session": _ALL,
    "line_told": _DROP,
    "line_number": _USE,
}
_WELCOME: Final[Grants] = {
    **_EVERYBODY,
    "register_entry": _READ,
    "register_head": _READ,
    "portal_link": (*_only("select", "digest", "expires"), "insert", "delete"),
    "household": (*_only("select", "household", "revision"), "insert"),
    "household_tenant": _PUT,
    "change": ("insert",),
    "account": _ADD,
    "account_code": ("insert",),
    "one_time_code": (*_only("select", "household", "account"), "insert", "delete"),
    "family_code": (*_only("select", "household"), "insert"),
    "notice": (*_only("select", "id"), "insert"),
    **_MOVES,
}
_OPERATOR: Final[Grants] = {
    **_EVERYBODY,
    "register_entry": _READ,
    "register_head": _READ,
    "tenant_look": _DROP,
    "rollout": _ALL,
    "rollout_step": _ADD,
    "rollout_schema": _ADD,
    "rollout_freeze": _PUT,
    "rollout_content": _DROP,
    "rollout_file": _DROP,
    "rollout_message": _DROP,
    **_each(_READ, "fleet_node", "fleet_taken", "fleet_figures"),
}
_STAFF: Final[Grants] = {
    **_EVERYBODY,
    "register_entry": _ADD,  # a trigger keeps its lines as they were written
    "register_head": _PUT,
    "staff_session": _ALL,
    "staff_language": _ALL,
    "used_login": _DROP,
    # What guardians passed on has the site, the list and the tenant; whose it is stands elsewhere.
    "desk_case": _PUT,
    "desk_decision": _DROP,
    "desk_entry": _DROP,  # old ones go; what else goes shows in the signed head
    "desk_head": _PUT,
    **_each(_ADD, "rollout", "rollout_step", "rollout_file"),
    "rollout_content": ("insert",),  # of a configuration it has passwords
    "rollout_freeze": _PUT,
    "rollout_message": _DROP,
    "rollout_schema": _READ,
    **_each(_READ, "fleet_node", "fleet_taken", "fleet_figures"),
    # By day there are small numbers: only what may be told of a quarter.
    **_each(_READ, "report_sum", "node_minutes"),
}
GRANTS: Final[Mapping[RoleDuty, Grants]] = {
    RoleDuty.FAMILIES: _FAMILIES,
    RoleDuty.NODES: _NODES,
    RoleDuty.BINDINGS: _BINDINGS,
    RoleDuty.WELCOME: _WELCOME,
    RoleDuty.OPERATOR: _OPERATOR,
    RoleDuty.STAFF: _STAFF,
}


def has_log(duty: RoleDuty) -> bool:
    """Tell whether a duty has to do with the log of look-ups."""
    return any(name.startswith(LOG) for name in GRANTS[duty])


def join_columns(rights: Iterable[str]) -> tuple[str, ...]:
    """Return rights with those on single columns together: "select(a)" and "select(b)" are
    "select (a, b)"."""
    whole: list[str] = []
    columns: dict[str, list[str]] = {}
    for right in rights:
        kind, is_part, column = right.removesuffix(")").partition("(")
        if is_part:
            columns.setdefault(kind, []).append(column)
        else:
            whole.append(kind)
    return (*whole, *(f"{kind} ({', '.join(some)})" for kind, some in columns.items()))

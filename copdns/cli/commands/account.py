"""`copdns account`: who may log in.  For the owner of the machine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from copdns.accounts.account import (
    CODE_LASTS,
    TOKEN_LONGEST,
    TOKEN_USUAL,
    Account,
    Code,
    Purpose,
    Token,
)
from copdns.accounts.codes import CODE, one_time_code
from copdns.accounts.passphrase import weakness
from copdns.accounts.passwords import hash_password
from copdns.accounts.roles import Permission, Role, scopes_for
from copdns.accounts.tickets import code_digest
from copdns.as_json.accounts import account_json, token_json
from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import listing, local, print_json, safe
from copdns.cli.params import DURATION, profile_option
from copdns.model.errors import AccountError
from copdns.store.household_db.accounts import Accounts, the_account
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.sessions import Tokens
from copdns.store.household_db.thread import StoreThread

T = TypeVar("T")
SET_UP, JOIN = "/guardian/setup", "/guardian/join"  # the pages that take a code

_ROLES = click.Choice([str(role) for role in Role])
_SCOPES = click.Choice([str(scope) for scope in sorted(scopes_for(Role.OWNER))])


@click.group()
def account() -> None:
    """Manage accounts and reset access."""


@account.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--role",
    type=_ROLES,
    default=str(Role.GUARDIAN),
    help="What the account may do. Default: guardian.",
)
@profile_option("The person it belongs to; required for a child's account.")
@json_option
@pass_home
def add(home: Home, name: str, role: str, profile: str, as_json: bool) -> None:
    """Add an account, and print the code for setting its password.

    All guardians are told about a new guardian.

    \b
    Example:  copdns account add Ada --profile ada
    """

    async def work(thread: StoreThread, household: str) -> tuple[Account, str]:
        accounts = Accounts(thread)
        new = Account(household, "", name, Role(role), profile)
        made = await accounts.add(new, None, home.now)
        return made, await _code(accounts, household, Purpose.INVITE, made.id, home.now)

    made, code = _change(home, work)
    if as_json:
        print_json({**account_json(made), "code": code, "expires": utc(home.now + CODE_LASTS)})
        return
    click.echo(safe(f"account {made.name}: {made.role}"))
    _tell_code(code, JOIN)


@account.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List accounts.

    \b
    Example:  copdns account list
    """
    listing(
        _accounts(home),
        as_json,
        account_json,
        ("name", "role", "profile", "password", "TOTP", "since"),
        lambda each: (
            each.name,
            str(each.role),
            each.profile,
            "set" if each.has_password else "invited",
            "yes" if each.totp else "no",
            local(each.made, home.household.timezone),
        ),
    )


@account.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from stdin (one line)."
)
@pass_home
def passwd(home: Home, name: str, from_stdin: bool) -> None:
    """Set an account's password, and log it out everywhere.

    \b
    Example:  copdns account passwd Ada
    """
    found = _found(home, name)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
    names = (found.name, home.household.name, *(each.name for each in home.household.profiles))
    if wrong := weakness(password, names):
        raise AccountError(wrong)
    kept = hash_password(password)

    async def work(thread: StoreThread, household: str) -> None:
        await Accounts(thread).set_password(household, found.id, kept, home.now, by=None)

    _change(home, work)
    click.echo(safe(f"{found.name} has a new password and is logged out everywhere"))


@account.command()
@click.argument("name", metavar="NAME")
@pass_home
def remove(home: Home, name: str) -> None:
    """Remove an account with its sessions and tokens.

    All guardians are told.

    \b
    Example:  copdns account remove Ada
    """
    found = _found(home, name)

    async def work(thread: StoreThread, household: str) -> Account:
        return await Accounts(thread).remove(household, found.id, None, home.now)

    _change(home, work)
    click.echo(safe(f"account {found.name} removed; all guardians will be told"))


@account.command()
@click.argument("name", metavar="[NAME]", required=False, default="")
@json_option
@pass_home
def code(home: Home, name: str, as_json: bool) -> None:
    """Print a one-time code for setup, or for NAME to set a new password.

    A code is valid for one hour, and replaces an earlier one.

    \b
    Example:  copdns account code
    """
    found = _found(home, name) if name else None
    purpose = Purpose.PASSWORD if found else Purpose.SETUP

    async def work(thread: StoreThread, household: str) -> str:
        account = found.id if found else ""
        return await _code(Accounts(thread), household, purpose, account, home.now)

    made = _change(home, work)
    if as_json:
        expires = utc(home.now + CODE_LASTS)
        print_json({"purpose": str(purpose), "account": name, "code": made, "expires": expires})
        return
    _tell_code(made, JOIN if found else SET_UP)


@account.group()
def token() -> None:
    """Manage API tokens for programs."""


@token.command()
@click.argument("name", metavar="NAME")
@click.argument("label", metavar="LABEL")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    type=_SCOPES,
    multiple=True,
    required=True,
    help="What the token may do; docs/accounts.md lists the scopes. Can be repeated.",
)
@click.option(
    "--expires",
    metavar="TIME",
    type=DURATION,
    default=f"{TOKEN_USUAL // 86_400}d",
    help=f"How long the token is valid: 90d (default), at most {TOKEN_LONGEST // 86_400}d.",
)
@json_option
@pass_home
def make(
    home: Home, name: str, label: str, scopes: tuple[str, ...], expires: int, as_json: bool
) -> None:
    """Create a token that acts for NAME, and print it once.

    \b
    Example:  copdns account token make Ada "Home Assistant" --scope give_time
    """
    found = _found(home, name)
    wanted = frozenset(map(Permission, scopes))

    async def work(thread: StoreThread, household: str) -> tuple[Token, str]:
        end = home.now + expires * 60
        return await Tokens(thread).make(found, label, wanted, end, home.now, AUTHOR)

    made, told = _change(home, work)
    if as_json:
        print_json({**token_json(made), "token": told})
        return
    click.echo(f"token {made.id} (shown only once): {told}")


@token.command("list")
@json_option
@pass_home
def list_tokens(home: Home, as_json: bool) -> None:
    """List tokens, without their secrets.

    \b
    Example:  copdns account token list
    """
    found: tuple[Token, ...] = ()
    if home.is_stored:
        found = _read(home, lambda thread, household: Tokens(thread).all(household))
    names = {each.id: each.name for each in _accounts(home)}
    zone = home.household.timezone
    listing(
        found,
        as_json,
        token_json,
        ("id", "account", "label", "scopes", "until", "last used"),
        lambda each: (
            each.id,
            names.get(each.account, ""),
            each.label,
            ", ".join(sorted(each.scopes)),
            local(each.expires, zone),
            local(each.used, zone) if each.used else "never",
        ),
    )


@token.command("remove")
@click.argument("token_id", metavar="ID")
@pass_home
def remove_token(home: Home, token_id: str) -> None:
    """Remove a token. Programs that use it are refused from then on.

    \b
    Example:  copdns account token remove 4k7m9q2d1x
    """

    async def work(thread: StoreThread, household: str) -> Token:
        return await Tokens(thread).remove(household, token_id, AUTHOR, home.now)

    gone = _change(home, work)
    click.echo(safe(f"token {gone.label} removed"))


async def _code(
    accounts: Accounts, household: str, purpose: Purpose, account: str, now: int
) -> str:
    made = one_time_code()
    wanted = Code(household, purpose, account, now + CODE_LASTS)
    await accounts.make_code(wanted, code_digest(made, CODE), None, now)
    return made


def _tell_code(code: str, page: str) -> None:
    """Print a code, and the page of the dashboard that takes it."""
    click.echo(f"code (valid for one hour, shown only once): {code}")
    click.echo(f"enter it in a browser at {page}, on the same address as the other pages")


def _found(home: Home, name: str) -> Account:
    return the_account(_accounts(home), name)


def _accounts(home: Home) -> tuple[Account, ...]:
    if not home.is_stored:
        return ()
    return _read(home, lambda thread, household: Accounts(thread).all(household))


Work = Callable[[StoreThread, str], Awaitable[T]]


def _read(home: Home, work: Work[T]) -> T:
    household = home.household.id  # before: it opens the database too

    async def run() -> T:
        with StoreThread.open(home.folder) as thread:
            return await work(thread, household)

    return asyncio.run(run())


def _change(home: Home, work: Work[T]) -> T:
    """Do something to the accounts of the household, which is made first if need be."""
    library = home.library

    async def run() -> T:
        with HouseholdStore.open(home.folder) as store, StoreThread.open(home.folder) as thread:
            return await work(thread, await home.made_in(store, library))

    return asyncio.run(run())

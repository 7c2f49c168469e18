"""`copdns account`: who may log in to the guardian dashboard and the API."""

from __future__ import annotations

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
    NewCode,
    Purpose,
    Token,
)
from copdns.accounts.codes import ACCOUNT_CODE, code_digest, make_one_time_code
from copdns.accounts.passphrase import password_weakness
from copdns.accounts.passwords import hash_password
from copdns.accounts.roles import Permission, Role, may, scopes_for
from copdns.as_json.accounts import account_json, digest_json, token_json
from copdns.as_json.plain import utc
from copdns.cli.base import json_option
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import local_text, print_json, print_listing, printable
from copdns.cli.params import DURATION, profile_option
from copdns.household.edit_checks import parse_field
from copdns.household.time_dump import clock_text
from copdns.household.time_shape import clock
from copdns.model.errors import AccountError
from copdns.model.times import WEEKDAYS
from copdns.privacy.digest import (
    DIGEST_LANGUAGES,
    USUAL_DAY,
    USUAL_MINUTE,
    DigestChoice,
    parse_address,
)
from copdns.store.household_db.account_rows import pick_account
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.sessions import Tokens
from copdns.store.household_db.thread import StoreThread

T = TypeVar("T")
SETUP_PAGE, JOIN_PAGE = "/guardian/setup", "/guardian/join"  # the pages that take a code

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
        added = await accounts.add(new, None, home.now)
        made = await _make_code(accounts, household, Purpose.INVITE, added.id, home.now)
        return added, made.code

    added, code = _change(home, work)
    if as_json:
        print_json({**account_json(added), "code": code, "expires": utc(home.now + CODE_LASTS)})
        return
    click.echo(printable(f"account {added.name}: {added.role}"))
    _print_code(code, JOIN_PAGE)


@account.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List accounts.

    \b
    Example:  copdns account list
    """
    print_listing(
        _load_accounts(home),
        as_json,
        account_json,
        ("name", "role", "profile", "password", "TOTP", "since"),
        lambda each: (
            each.name,
            str(each.role),
            each.profile,
            "set" if each.has_password else "invited",
            "yes" if each.totp else "no",
            local_text(each.made, home.household.timezone),
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
    found = _find_account(home, name)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = str(click.prompt("New password", hide_input=True, confirmation_prompt=True))
    names = (found.name, home.household.name, *(each.name for each in home.household.profiles))
    if wrong := password_weakness(password, names):
        raise AccountError(wrong)
    password_hash = hash_password(password)

    async def work(thread: StoreThread, household: str) -> None:
        await Accounts(thread).set_password(household, found.id, password_hash, home.now, by=None)

    _change(home, work)
    click.echo(printable(f"{found.name} has a new password and is logged out everywhere"))


@account.command()
@click.argument("name", metavar="NAME")
@pass_home
def remove(home: Home, name: str) -> None:
    """Remove an account with its sessions and tokens.

    All guardians are told.

    \b
    Example:  copdns account remove Ada
    """
    found = _find_account(home, name)

    async def work(thread: StoreThread, household: str) -> Account:
        return await Accounts(thread).remove(household, found.id, None, home.now)

    _change(home, work)
    click.echo(printable(f"account {found.name} removed; all guardians will be told"))


@account.command()
@click.argument("name", metavar="[NAME]", required=False, default="")
@json_option
@pass_home
def code(home: Home, name: str, as_json: bool) -> None:
    """Print a one-time code for setup, or for NAME to set a new password.

    A code is valid for one hour. An earlier one for the same no longer works.

    \b
    Example:  copdns account code
    """
    found = _find_account(home, name) if name else None
    purpose = Purpose.PASSWORD if found else Purpose.SETUP

    async def work(thread: StoreThread, household: str) -> NewCode:
        account = found.id if found else ""
        return await _make_code(Accounts(thread), household, purpose, account, home.now)

    made = _change(home, work)
    if as_json:
        values = {"purpose": str(purpose), "account": name, "code": made.code}
        ends = {"expires": utc(home.now + CODE_LASTS), "ends_earlier": made.ends_earlier}
        print_json({**values, **ends})
        return
    if made.ends_earlier:  # above, so that the new code is read last
        click.echo("the setup code that was shown before no longer works: tell whoever has it")
    _print_code(made.code, JOIN_PAGE if found else SETUP_PAGE)


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
    found = _find_account(home, name)
    wanted = frozenset(map(Permission, scopes))

    async def work(thread: StoreThread, household: str) -> tuple[Token, str]:
        end = home.now + expires * 60
        return await Tokens(thread).make(found, label, wanted, end, home.now, AUTHOR)

    new_token, secret = _change(home, work)
    if as_json:
        print_json({**token_json(new_token), "token": secret})
        return
    click.echo(f"token {new_token.id} (shown only once): {secret}")


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
    names = {each.id: each.name for each in _load_accounts(home)}
    zone = home.household.timezone
    print_listing(
        found,
        as_json,
        token_json,
        ("id", "account", "label", "scopes", "until", "last used"),
        lambda each: (
            each.id,
            names.get(each.account, ""),
            each.label,
            ", ".join(sorted(each.scopes)),
            local_text(each.expires, zone),
            local_text(each.used, zone) if each.used else "never",
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

    removed = _change(home, work)
    click.echo(printable(f"token {removed.label} removed"))


async def _make_code(
    accounts: Accounts, household: str, purpose: Purpose, account: str, now: int
) -> NewCode:
    new_code = make_one_time_code()
    wanted = Code(household, purpose, account, now + CODE_LASTS)
    digest = code_digest(new_code, ACCOUNT_CODE)
    return NewCode(new_code, await accounts.make_code(wanted, digest, None, now))


def _print_code(code: str, page: str) -> None:
    """Print a code, and the page of the dashboard that takes it."""
    click.echo(f"code (valid for one hour, shown only once): {code}")
    click.echo(f"enter it in a browser at {page}, on the same address as the other pages")


def _find_account(home: Home, name: str) -> Account:
    return pick_account(_load_accounts(home), name)


def _load_accounts(home: Home) -> tuple[Account, ...]:
    if not home.is_stored:
        return ()
    return _read(home, lambda thread, household: Accounts(thread).all(household))


@account.command()
@click.argument("name", metavar="NAME")
@click.option("--to", metavar="ADDRESS", default="", help="Send it to this email address.")
@click.option(
    "--day",
    type=click.Choice(WEEKDAYS),
    default=WEEKDAYS[USUAL_DAY],
    help="The day of the week. Default: sun.",
)
@click.option("--at", metavar="TIME", default=clock_text(USUAL_MINUTE), help="Default: 18:00.")
@click.option(
    "--language",
    type=click.Choice(DIGEST_LANGUAGES),
    default=DIGEST_LANGUAGES[0],
    help="The language. Default: en.",
)
@click.option("--off", is_flag=True, help="Send none any more.")
@json_option
@pass_home
def digest(
    home: Home,
    name: str,
    to: str,
    day: str,
    at: str,
    language: str,
    off: bool,
    as_json: bool,
) -> None:
    """Send a guardian a weekly summary by email, or show what they get.

    It has sums of all children together, and names no site.

    \b
    Example:  copdns account digest Ada --to ada@mail.example --day sun --at 18:00
              copdns account digest Ada --off
    """
    if to and off:
        raise click.UsageError("give either --to or --off")
    address, minute = parse_address(to) if to else "", parse_field(clock, at)

    async def work(thread: StoreThread, household: str) -> DigestChoice | None:
        found = pick_account(await Accounts(thread).all(household), name)
        digests = Digests(thread)
        if off:
            await digests.stop(household, found.id, AUTHOR, home.now)
        elif to:
            if not may(found, Permission.MANAGE_ACCOUNTS):
                raise AccountError("only owners and guardians get a weekly summary")
            weekday = WEEKDAYS.index(day)
            choice = DigestChoice(household, found.id, address, weekday, minute, language, home.now)
            await digests.choose(choice, AUTHOR, home.now)
        return await digests.of(household, found.id)

    found = _change(home, work) if to or off else _read(home, work)
    if as_json:
        print_json(digest_json(found) if found else None)
    elif found is None:
        click.echo(f"{printable(name)} gets no weekly summary")
    else:
        when = f"{WEEKDAYS[found.weekday]} {clock_text(found.minute)}"
        click.echo(f"weekly summary to {found.address}, {when}, in {found.language}")
        if found.trouble:
            click.echo(f"the last one was not sent: {printable(found.trouble)}")


Work = Callable[[StoreThread, str], Awaitable[T]]


def _read(home: Home, work: Work[T]) -> T:
    household = home.household.id  # first: it opens the database too

    return home.with_store(lambda store: work(StoreThread(store), household))


def _change(home: Home, work: Work[T]) -> T:
    """Return the result of a change to accounts; make the household first, where there is none."""
    catalogue = home.catalogue

    async def change(store: HouseholdStore) -> T:
        return await work(StoreThread(store), await home.ensure_household(store, catalogue))

    return home.with_store(change)

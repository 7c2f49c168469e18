"""One's own account: password, second factor, where one is logged in, and keys for programs.

What must not be done by whoever finds an open browser asks for the password again, unless it was
typed a moment ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.accounts.account import DAY, TOKEN_LONGEST, TOKEN_USUAL
from copdns.accounts.passwords import totp_uri
from copdns.accounts.roles import Permission, may, scopes_for
from copdns.model.errors import AccountError
from copdns.web.context import context_of
from copdns.web.desk.household.qr import qr
from copdns.web.own_account import Own, confirm, own_of
from copdns.web.received import Fields, fields_of
from copdns.web.session import require

HERE = "/guardian/me"


async def me(request: web.Request) -> web.Response:
    """All of it on one page."""
    own, parts = await _own(request), context_of(request)
    account, now = own.account, int(parts.now())
    makes_tokens = may(own.actor, Permission.MANAGE_TOKENS)
    return parts.pages.render(
        request,
        "desk/me.html",
        actor=own.actor,
        account=account,
        session=own.session,
        sessions=await parts.sessions.of(account, now),
        codes_left=await parts.accounts.recovery_left(account.household, account.id),
        tokens=await parts.tokens.all(account.household, account.id) if makes_tokens else (),
        scopes=sorted(scopes_for(account.role)) if makes_tokens else (),
        fresh=own.session.is_fresh(now),
        usual=TOKEN_USUAL // DAY,
        longest=TOKEN_LONGEST // DAY,
        zone=_zone(request, own),
        now=now,
    )


async def change_password(request: web.Request) -> web.Response:
    """Set another password; all other browsers are logged out."""
    own, parts = await _own(request), context_of(request)
    fields, now = await fields_of(request), int(parts.now())
    password = str(fields.get("password", ""))
    await _confirm(request, own, fields, always=True)
    if password != str(fields.get("again", "")):
        raise AccountError("the two passwords do not match; enter both again", name="password")
    await parts.logins.change_password(
        own.account, password, now, _names(request, own), stays=own.session.digest
    )
    raise web.HTTPSeeOther(HERE)


async def factor(request: web.Request) -> web.Response:
    """Show a new secret for an authenticator; it counts once a code of it came back.

    Where the code was refused it is the secret that was shown already: the telephone has it.
    """
    own, parts = await _own(request), context_of(request)
    shown = str((await fields_of(request)).get("secret", ""))
    secret = shown if _is_secret(shown) else await parts.logins.begin_totp()
    return parts.pages.render(
        request,
        "desk/factor.html",
        actor=own.actor,
        secret=secret,
        code=qr(totp_uri(secret, own.account.name, "copdns")),
        fresh=own.session.is_fresh(int(parts.now())),
    )


async def set_factor(request: web.Request) -> web.Response:
    """Ask for the second factor from now on, and show the recovery codes, this once."""
    own, parts, fields = await _own(request), context_of(request), await fields_of(request)
    secret, now = str(fields.get("secret", "")), int(parts.now())
    await _confirm(request, own, fields)
    codes = await parts.logins.finish_totp(
        own.account, _a_secret(secret), str(fields.get("code", "")), now
    )
    return parts.pages.render(request, "desk/recovery.html", actor=own.actor, codes=codes)


async def remove_factor(request: web.Request) -> web.Response:
    """Ask for the password alone."""
    own, parts = await _own(request), context_of(request)
    fields, now = await fields_of(request), int(parts.now())
    await _confirm(request, own, fields, always=True)
    await parts.accounts.set_totp(own.account.household, own.account.id, "", (), now)
    raise web.HTTPSeeOther(HERE)


async def end_session(request: web.Request) -> web.Response:
    """Log another browser out, or all others."""
    own, parts, fields = await _own(request), context_of(request), await fields_of(request)
    if "all" in fields:
        now = int(parts.now())
        await parts.sessions.revoke_all(own.account, now, stays=own.session.digest)
    else:
        await parts.sessions.revoke(own.account, str(fields.get("session", "")))
    raise web.HTTPSeeOther(HERE)


async def make_token(request: web.Request) -> web.Response:
    """Make a key for a program, and show it, this once."""
    own = await _own(request, Permission.MANAGE_TOKENS)
    parts, fields = context_of(request), await fields_of(request)
    now = int(parts.now())
    await _confirm(request, own, fields)
    token, told = await parts.tokens.make(
        own.account,
        str(fields.get("label", "")).strip(),
        _scopes(fields),
        now + _days(fields) * DAY,
        now,
        own.actor.name,
    )
    return parts.pages.render(request, "desk/token.html", actor=own.actor, token=token, told=told)


async def remove_token(request: web.Request) -> web.Response:
    """Take one of one's own tokens away."""
    own, parts = await _own(request, Permission.MANAGE_TOKENS), context_of(request)
    household, wanted = own.account.household, str((await fields_of(request)).get("token", ""))
    mine = await parts.tokens.all(household, own.account.id)
    if any(each.id == wanted for each in mine):  # gone already: twice is harmless
        await parts.tokens.remove(household, wanted, own.actor.name, int(parts.now()))
    raise web.HTTPSeeOther(HERE)


async def _own(request: web.Request, permission: Permission = Permission.SEE_STATUS) -> Own:
    return await own_of(request, await require(request, permission))


async def _confirm(
    request: web.Request, own: Own, fields: Mapping[str, Any], *, always: bool = False
) -> None:
    await confirm(request, own, str(fields.get("current", "")), always=always)


def _is_secret(text: str) -> bool:
    return 16 <= len(text) <= 64 and set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def _a_secret(text: str) -> str:
    if not _is_secret(text):
        raise AccountError("this page was open for too long; scan the new code")
    return text


def _scopes(fields: Fields) -> list[Permission]:
    try:
        return [Permission(str(each)) for each in fields.getall("scope", [])]
    except ValueError:
        raise AccountError("choose what the token can do from the list", name="scope") from None


def _days(fields: Mapping[str, Any]) -> int:
    text = str(fields.get("days", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _names(request: web.Request, own: Own) -> tuple[str, ...]:
    """Return names of this house, of which a password should not be made."""
    home = context_of(request).live().households[own.account.household]
    return (home.name, *(each.name for each in home.profiles))


def _zone(request: web.Request, own: Own) -> str:
    return context_of(request).live().households[own.account.household].timezone

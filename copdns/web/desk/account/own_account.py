"""One's own account: password, two-step verification, sessions, and API tokens.

Dangerous actions ask for the password again, unless it was typed a moment ago: somebody else may
use an open browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from copdns.accounts.account import DAY, TOKEN_LONGEST, TOKEN_USUAL
from copdns.accounts.passwords import totp_uri
from copdns.accounts.roles import Permission, may, scopes_for
from copdns.events.mail import mail_server_of, send_mail
from copdns.events.ways import DEFAULT_TIMES
from copdns.household.time_shape import clock
from copdns.model.errors import AccountError, HouseholdError
from copdns.model.sentences import sentence
from copdns.privacy.digest import USUAL_DAY, USUAL_MINUTE, DigestChoice, parse_address
from copdns.web.browser_input import Fields, fields_of, whole_number
from copdns.web.confirmation import require_sure
from copdns.web.context import context_of
from copdns.web.desk.account.login import require_same_passwords
from copdns.web.desk.change import say_done
from copdns.web.desk.time.forms import read_field
from copdns.web.device_setup.qr import qr
from copdns.web.languages import phrases_in
from copdns.web.many_households.choose_household import keep_code
from copdns.web.own_account import OwnAccount, confirm, own_account_of, require_digest
from copdns.web.pages import language_of
from copdns.web.report import digest_mail, read_sums
from copdns.web.session import require
from copdns.web.step_up import require_step_up

HERE, DIGEST, FAMILY_CODE = "/guardian/me", "/guardian/me#digest", "/guardian/me#family-code"
_ONE_TRY = DEFAULT_TIMES._replace(pauses=())


async def me(request: web.Request) -> web.Response:
    """Show the account."""
    own, context = await _require_own(request), context_of(request)
    account, now = own.account, int(context.now())
    makes_tokens = may(own.actor, Permission.MANAGE_TOKENS)
    return context.pages.render(
        request,
        "desk/me.html",
        actor=own.actor,
        account=account,
        session=own.session,
        sessions=await context.sessions.of(account, now),
        codes_left=await context.accounts.recovery_left(account.household, account.id),
        tokens=await context.tokens.all(account.household, account.id) if makes_tokens else (),
        scopes=sorted(scopes_for(account.role)) if makes_tokens else (),
        usual=TOKEN_USUAL // DAY,
        longest=TOKEN_LONGEST // DAY,
        zone=_zone(request, own),
        now=now,
        digest=await context.digests.of(account.household, account.id),
        usual_digest=(USUAL_DAY, USUAL_MINUTE),
        mails=bool(mail_server_of(context.settings().events.notices)),
        gets_digest=may(own.actor, Permission.MANAGE_ACCOUNTS) and context.offers_digest,
        family_code=await _family_code(request, own),
    )


async def choose_digest(request: web.Request) -> web.Response:
    """Send a weekly summary by email from now on, or to another address, or at another time."""
    own, context = await _require_guardian(request), context_of(request)
    require_digest(context)
    await require_step_up(request, own.actor)
    fields, now = await fields_of(request), int(context.now())
    weekday = whole_number(str(fields.get("weekday", "")), 1)
    if weekday is None or weekday > 6:
        raise HouseholdError("choose one of the answers on the page", name="weekday")
    choice = DigestChoice(
        own.account.household,
        own.account.id,
        parse_address(str(fields.get("address", ""))),
        weekday,
        read_field(clock, str(fields.get("at", "")), "at"),
        phrases_in(language_of(request)).language,
        now,
    )
    await context.digests.choose(choice, own.actor.name, now)
    if mail_server_of(context.settings().events.notices):
        done = sentence("a weekly summary is sent to %(address)s", address=choice.address)
    else:
        done = sentence(
            "a weekly summary is sent to %(address)s once email is set up", address=choice.address
        )
    say_done(request, own.actor, done)
    raise web.HTTPSeeOther(DIGEST)


async def stop_digest(request: web.Request) -> web.Response:
    """Send no weekly summary any more; without one, nothing changes."""
    own, context = await _require_guardian(request), context_of(request)
    now = int(context.now())
    await context.digests.stop(own.account.household, own.account.id, own.actor.name, now)
    say_done(request, own.actor, sentence("no weekly summary is sent to you"))
    raise web.HTTPSeeOther(DIGEST)


async def send_digest(request: web.Request) -> web.Response:
    """Send the summary of the last seven days at once, and say what went wrong."""
    own, context = await _require_guardian(request), context_of(request)
    choice = await context.digests.of(own.account.household, own.account.id)
    if choice is None:
        raise HouseholdError("there is no weekly summary to send; choose one first")
    require_digest(context)
    home, is_shared = context.snapshot().households[own.account.household], context.is_shared
    folder = None if is_shared else context.folder
    sums = await read_sums(home, context.log, context.appeals, folder, context.now())
    phrases = phrases_in(choice.language)
    mail = digest_mail(sums, home, context.desk_address, phrases, is_shared=is_shared)
    trouble = await send_mail(context.settings().events.notices, choice.address, mail, _ONE_TRY)
    if trouble:
        raise HouseholdError("the email was not sent: %(trouble)s", trouble=trouble)
    say_done(request, own.actor, sentence("the summary of the last seven days was sent"))
    raise web.HTTPSeeOther(DIGEST)


async def renew_family_code(request: web.Request) -> web.Response:
    """Make another code of the household, at a provider; whoever used the former one types it."""
    own, context = await _require_guardian(request), context_of(request)
    if context.door is None:
        raise web.HTTPNotFound
    await require_step_up(request, own.actor)
    household, now = own.account.household, int(context.now())
    code = await context.door.families.renew_code(household, own.actor.name, now)
    done = sentence("your family has a new code; the old one no longer works")
    say_done(request, own.actor, done)
    redirect = web.HTTPSeeOther(FAMILY_CODE)
    keep_code(request, redirect, code)
    raise redirect


async def _family_code(request: web.Request, own: OwnAccount) -> str:
    """Return the code of the household; "" at home, and for who lets nobody in."""
    door = context_of(request).door
    if door is None or not may(own.actor, Permission.MANAGE_ACCOUNTS):
        return ""
    return await door.families.code_of(own.account.household)


async def _require_guardian(request: web.Request) -> OwnAccount:
    """Return whoever is logged in; raise HTTPForbidden for who is no guardian."""
    await require(request, Permission.MANAGE_ACCOUNTS)
    return await _require_own(request)


async def change_password(request: web.Request) -> web.Response:
    """Change the password; all other browsers are logged out."""
    own, context = await _require_own(request), context_of(request)
    fields, now = await fields_of(request), int(context.now())
    password = str(fields.get("password", ""))
    await _confirm(request, own, fields, always=True)
    require_same_passwords(fields)
    await context.logins.change_password(
        own.account, password, now, _names(request, own), stays=own.session.digest
    )
    done = sentence("your new password works now, and all your other browsers are logged out")
    say_done(request, own.actor, done)
    raise web.HTTPSeeOther(HERE)


async def factor(request: web.Request) -> web.Response:
    """Show a new secret for an authenticator app; it is in force after a code from it was typed.

    Where the code was refused, the form sends the secret that the app has already.
    """
    own, context = await _require_own(request), context_of(request)
    sent_secret = str((await fields_of(request)).get("secret", ""))
    secret = sent_secret if _is_secret(sent_secret) else await context.logins.begin_totp()
    return context.pages.render(
        request,
        "desk/factor.html",
        actor=own.actor,
        secret=secret,
        code=qr(totp_uri(secret, own.account.name, "copdns")),
        fresh=own.session.is_fresh(int(context.now())),
    )


async def set_factor(request: web.Request) -> web.Response:
    """Turn two-step verification on, and show the recovery codes, once."""
    own = await _require_own(request)
    context = context_of(request)
    fields = await fields_of(request)
    secret, now = str(fields.get("secret", "")), int(context.now())
    await _confirm(request, own, fields)
    codes = await context.logins.finish_totp(
        own.account, _require_secret(secret), str(fields.get("code", "")), now
    )
    return context.pages.render(request, "desk/recovery.html", actor=own.actor, codes=codes)


async def remove_factor(request: web.Request) -> web.Response:
    """Turn two-step verification off."""
    own, context = await _require_own(request), context_of(request)
    fields, now = await fields_of(request), int(context.now())
    await _confirm(request, own, fields, always=True)
    await context.accounts.set_totp(own.account.household, own.account.id, "", (), now)
    done = sentence("two-step verification is off: your password alone is enough to log in")
    say_done(request, own.actor, done)
    raise web.HTTPSeeOther(HERE)


async def end_session(request: web.Request) -> web.Response:
    """Log another browser out, or all others."""
    own = await _require_own(request)
    context = context_of(request)
    fields = await fields_of(request)
    if "all" in fields:
        now = int(context.now())
        await context.sessions.revoke_all(own.account, now, but_session=own.session.digest)
        done = sentence("all your other browsers are logged out")
    else:
        await context.sessions.revoke(own.account, str(fields.get("session", "")))
        done = sentence("that browser is logged out")
    say_done(request, own.actor, done)
    raise web.HTTPSeeOther(HERE)


async def make_token(request: web.Request) -> web.Response:
    """Create an API token, and show it, once."""
    own = await _require_own(request, Permission.MANAGE_TOKENS)
    context, fields = context_of(request), await fields_of(request)
    now = int(context.now())
    await require_step_up(request, own.actor)
    token, secret = await context.tokens.make(
        own.account,
        str(fields.get("label", "")).strip(),
        _parse_scopes(fields),
        now + _parse_days(fields) * DAY,
        now,
        own.actor.name,
    )
    return context.pages.render(
        request, "desk/token.html", actor=own.actor, token=token, told=secret
    )


async def remove_token(request: web.Request) -> web.Response:
    """Remove one of one's own tokens; a second time is harmless."""
    own, context = await _require_own(request, Permission.MANAGE_TOKENS), context_of(request)
    household, wanted = own.account.household, str((await fields_of(request)).get("token", ""))
    mine = await context.tokens.all(household, own.account.id)
    token = next((each for each in mine if each.id == wanted), None)
    if token is not None:
        question = sentence(
            "remove the token “%(token)s”? The program that uses it stops working at once, and "
            "needs a new one",
            token=token.label,
        )
        await require_sure(request, question)
        await context.tokens.remove(household, wanted, own.actor.name, int(context.now()))
        done = sentence("the token “%(token)s” no longer works", token=token.label)
        say_done(request, own.actor, done)
    raise web.HTTPSeeOther(HERE)


async def _require_own(
    request: web.Request, permission: Permission = Permission.SEE_STATUS
) -> OwnAccount:
    return await own_account_of(request, await require(request, permission))


async def _confirm(
    request: web.Request, own: OwnAccount, fields: Mapping[str, Any], *, always: bool = False
) -> None:
    await confirm(request, own, str(fields.get("current", "")), always=always)


def _is_secret(text: str) -> bool:
    return 16 <= len(text) <= 64 and set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def _require_secret(text: str) -> str:
    if not _is_secret(text):
        raise AccountError("this page was open for too long; scan the new code")
    return text


def _parse_scopes(fields: Fields) -> list[Permission]:
    try:
        return [Permission(str(each)) for each in fields.getall("scope", [])]
    except ValueError:
        raise AccountError("choose what the token can do from the list", name="scope") from None


def _parse_days(fields: Mapping[str, Any]) -> int:
    return whole_number(str(fields.get("days", "")), 4) or 0


def _names(request: web.Request, own: OwnAccount) -> tuple[str, ...]:
    """Return names of the household, which a password should not contain."""
    home = context_of(request).snapshot().households[own.account.household]
    return (home.name, *(each.name for each in home.profiles))


def _zone(request: web.Request, own: OwnAccount) -> str:
    return context_of(request).snapshot().households[own.account.household].timezone

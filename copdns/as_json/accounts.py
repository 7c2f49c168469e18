"""Who may log in, where and with what, and who looked, as JSON objects.  Never a secret."""

from __future__ import annotations

from copdns.accounts.account import AccessRecord, Account, GuardianNotice, Session, Token
from copdns.as_json.plain import utc
from copdns.household.time_dump import clock_text
from copdns.privacy.digest import DigestChoice


def account_json(each: Account) -> dict[str, object]:
    """Return an account.  profile: "" unless it is a child's; made: in UTC."""
    return {
        "id": each.id,
        "name": each.name,
        "role": str(each.role),
        "profile": each.profile,
        "made": utc(each.made),
        "has_password": each.has_password,
        "second_factor": each.totp,
    }


def look_json(each: AccessRecord, names: dict[str, str]) -> dict[str, object]:
    """names: of accounts, by id; one that is gone has none."""
    return {
        "at": utc(each.at),
        "by": names.get(each.account, ""),
        "role": each.role,
        "profile": each.profile,
        "view": each.view,
    }


def session_json(shown_as: str, each: Session, *, this: bool) -> dict[str, object]:
    """Return a session.  shown_as: an id that is no secret.  this: it is the one that asks."""
    return {
        "id": shown_as,
        "label": each.label,
        "made": utc(each.made),
        "used": utc(each.used),
        "expires": utc(each.expires),
        "this": this,
    }


def token_json(each: Token) -> dict[str, object]:
    """Return a token, without its secret.  used: null where it never was; times in UTC."""
    return {
        "id": each.id,
        "account": each.account,
        "label": each.label,
        "scopes": sorted(map(str, each.scopes)),
        "made": utc(each.made),
        "expires": utc(each.expires),
        "used": utc(each.used),
    }


def notice_json(each: GuardianNotice, *, seen: bool) -> dict[str, object]:
    """Return a notice.  seen: whoever asks has seen it."""
    return {
        "id": each.id,
        "kind": each.kind,
        "about": each.about,
        "author": each.author,
        "at": utc(each.at),
        "starts": utc(each.starts) if each.starts else None,
        "ends": utc(each.ends) if each.ends else None,
        "seen": seen,
    }


def digest_json(choice: DigestChoice) -> dict[str, object]:
    """Return what a guardian chose of the weekly summary."""
    return {
        "address": choice.address,
        "weekday": choice.weekday,
        "at": clock_text(choice.minute),
        "language": choice.language,
        "trouble": choice.trouble,
    }

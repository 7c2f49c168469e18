"""Who may log in, who changed what and who looked, as JSON objects.  Never a secret."""

from __future__ import annotations

from copdns.accounts import Account, Look
from copdns.as_json.plain import utc


def account_json(each: Account) -> dict[str, object]:
    return {
        "id": each.id,
        "name": each.name,
        "role": str(each.role),
        "profile": each.profile,
        "made": utc(each.made),
        "has_password": each.has_password,
        "second_factor": each.totp,
    }


def look_json(each: Look, names: dict[str, str]) -> dict[str, object]:
    """names: of accounts, by id; one that is gone has none."""
    return {
        "at": utc(each.at),
        "by": names.get(each.account, ""),
        "role": each.role,
        "profile": each.profile,
        "view": each.view,
    }

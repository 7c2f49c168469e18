"""What the settings file says, to be read: what each value means for a child, and where to change
it."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.web.context import context_of
from copdns.web.desk.household.setting_effects import settings_of
from copdns.web.session import require


async def settings(request: web.Request) -> web.Response:
    """The settings in force."""
    actor, parts = await require(request, Permission.SEE_AUDIT), context_of(request)
    return parts.pages.render(
        request, "desk/settings.html", actor=actor, sections=tuple(settings_of(parts.settings()))
    )

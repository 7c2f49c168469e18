"""The weekly summary as an email, in a guardian's language, and what it is added up from."""

from __future__ import annotations

import asyncio
from pathlib import Path

from markupsafe import Markup

from copdns.events.mail import Mail
from copdns.model.household import Household
from copdns.privacy.digest import WEEK, DigestSums, counted_people, digest_sums
from copdns.store.household_db.appeals import AppealStore
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.words.phrases import Phrases

ON_THE_PAGE = "me#digest"  # below the dashboard's address: where it is changed and stopped


def digest_mail(sums: DigestSums, household: Household, desk: str, phrases: Phrases) -> Mail:
    """Return the summary of a week.  desk: the address of the dashboard, with a slash at its end."""
    zone = household.timezone
    title = phrases.gettext("Your week at %(household)s") % {"household": household.name}
    week = phrases.gettext("From %(first)s to %(last)s. All children together.") % {
        "first": phrases.date(sums.since, zone),
        "last": phrases.date(sums.until, zone),
    }
    texts = [week, *_lines(sums, phrases), phrases.gettext("No email names a site or a child.")]
    more = phrases.gettext("See more on the guardian dashboard: %(desk)s")
    stop = phrases.gettext("You chose this email. Change or stop it here: %(page)s")
    links = ((more, "desk", desk), (stop, "page", f"{desk}{ON_THE_PAGE}"))
    body = Markup().join(Markup("<p>{}</p>\n").format(each) for each in texts)
    for text, name, address in links:
        link = Markup('<a href="{0}">{0}</a>').format(address)
        body += Markup("<p>{}</p>\n").format(Markup.escape(text) % {name: link})
    html = Markup(
        '<!doctype html>\n<html lang="{}" dir="{}"><head><meta charset="utf-8"><title>{}</title>'
        "</head><body><h1>{}</h1>\n{}</body></html>\n"
    ).format(phrases.tag, phrases.direction, title, title, body)
    return Mail(title, str(html))


def _lines(sums: DigestSums, phrases: Phrases) -> list[str]:
    def line(text: str, number: int) -> str:
        return phrases.label(text, phrases.number(number))

    if sums.lookups is None or sums.blocks is None:
        counted = [phrases.gettext("Nothing is recorded of your children, so nothing is counted.")]
    else:
        counted = [
            line(phrases.gettext("Sites visited or tried"), sums.lookups),
            line(phrases.pgettext("sum of a week", "Blocked"), sums.blocks),
        ]
    return [
        *counted,
        line(phrases.gettext("Requests sent"), sums.asked),
        line(phrases.gettext("Requests answered"), sums.answered),
        line(phrases.gettext("Requests waiting now"), sums.waiting),
        line(phrases.gettext("New devices"), sums.devices),
    ]


async def read_sums(
    household: Household, log: QueryLog, appeals: AppealStore, folder: Path, until: float
) -> DigestSums:
    """Return the sums of the week before a moment."""
    people = counted_people(household, until)
    counts = await asyncio.to_thread(log.hour_counts, household.id, people, until - WEEK, ())
    requests = await appeals.appeals(household.id)
    devices = await asyncio.to_thread(load_unknown_devices, folder)
    return digest_sums(
        people,
        [(bool(blocked), n) for _, blocked, _, n, _ in counts],
        requests,
        [each.first for each in devices if each.household == household.id and not each.device],
        until,
    )

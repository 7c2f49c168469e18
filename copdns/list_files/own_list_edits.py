"""What somebody does with lists of their own: paste one, see what its lines do, remove it.

`own_lists.py` keeps them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple

from copdns.household.edit_checks import free_public_slug
from copdns.household.rule_edits import speaking_of
from copdns.list_files.facts import Facts, load_facts
from copdns.list_files.load import catalogue_slugs, files_of
from copdns.list_files.own_lists import OwnLists
from copdns.lists.catalogue import BYPASS, Catalogue
from copdns.lists.drafts import bundled_drafts, read_gate_rules
from copdns.lists.gate import Gate
from copdns.lists.own_lists import (
    FORMATS,
    MAX_TITLE,
    LineReport,
    OwnList,
    guess_format,
    read_lines,
    require_usable,
    tidy_text,
)
from copdns.lists.parse import ListFormat
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.matchers import MatchKind
from copdns.model.times import Topic, TopicKind

AUTO: Final = "auto"  # in place of a format
OWN_CATEGORY: Final = ""  # in place of a category: one that only this list is about


class Wanted(NamedTuple):
    """A list as somebody pasted it.

    category: OWN_CATEGORY, or the slug of one.  format: AUTO, or one of FORMATS.  is_exact: its
    entries leave subdomains alone.
    """

    title: str
    category: str
    text: str
    format: str = AUTO
    is_exact: bool = False


class Kept(NamedTuple):
    """A list that was kept, and what became of its lines."""

    own: OwnList
    lines: tuple[LineReport, ...]


@lru_cache(maxsize=1)
def _gate(facts: Facts) -> Gate:
    found = files_of(facts)
    return Gate(bundled_drafts(found, facts.read), read_gate_rules(found, facts.read))


def report_lines(lists: OwnLists, own: OwnList, text: str) -> tuple[LineReport, ...]:
    """Return what becomes of each line of a list with the facts in force; slow at the first call.

    Raises ListError for a text that is refused as a whole.
    """
    return read_lines(own, text, _gate(load_facts(lists.folder.parent)))


def judge_lines(lists: OwnLists, text: str) -> tuple[LineReport, ...]:
    """Return what would become of each line of a list for ad blockers; raises ListError."""
    own = OwnList("own", "own", "own", ListFormat.ADBLOCK, MatchKind.EXACT)
    return report_lines(lists, own, text)


def keep_list(
    lists: OwnLists,
    wanted: Wanted,
    catalogue: Catalogue,
    household: Household,
    now: int,
    before: OwnList | None = None,
    taken: Collection[str] = (),
) -> Kept:
    """Keep a list as somebody pasted it; return it with what became of its lines.

    catalogue: of the lists in force.  before: the list that it takes the place of; None: it is
    new.  taken: slugs that no new list may have, besides those in force.  Raises HouseholdError,
    and ListError for a text that is refused as a whole.
    """
    title, text = _read_title(wanted.title), tidy_text(wanted.text)
    there = _all_slugs(catalogue, taken)
    slug = before.slug if before else free_public_slug(title, there, "list", household)
    own = OwnList(
        slug,
        title,
        _read_category(wanted.category, slug, catalogue),
        _read_format(wanted.format, text),
        MatchKind.EXACT if wanted.is_exact else MatchKind.SUBTREE,
        now,
    )
    lines = report_lines(lists, own, text)
    require_usable(lines)
    if before and before.category != own.category:
        require_unused(lists, household, before)
    lists.put(own, text)
    return Kept(own, lines)


def remove_list(lists: OwnLists, household: Household, own: OwnList) -> None:
    """Remove a list; raise HouseholdError while something names its category."""
    require_unused(lists, household, own)
    lists.remove(own.slug)


def require_unused(lists: OwnLists, household: Household, own: OwnList) -> None:
    """Raise HouseholdError while something names the category that only a list has."""
    others = (each.category for each in lists.all() if each.slug != own.slug)
    if own.category != own.slug or own.category in others:
        return
    users = [each.name for each in household.profiles if own.category in each.categories]
    users += speaking_of(household, Topic(TopicKind.CATEGORY, own.category))
    if users:
        raise HouseholdError(
            "%(list)s is still blocked for or used by %(users)s; change that first",
            list=own.title,
            users=", ".join(users),
        )


def _all_slugs(catalogue: Catalogue, taken: Collection[str]) -> set[str]:
    lists = {each.info.slug for each in catalogue.statuses}
    return {*lists, *catalogue_slugs(), *catalogue.categories, *catalogue.services, BYPASS, *taken}


def _read_title(text: str) -> str:
    title = " ".join(text.split())
    if not title or len(title) > MAX_TITLE or not title.isprintable():
        raise HouseholdError("give the list a name", name="title")
    return title


def _read_category(category: str, slug: str, catalogue: Catalogue) -> str:
    if category in (OWN_CATEGORY, slug):
        return slug
    if category != BYPASS and category not in catalogue.categories:
        raise HouseholdError("choose a category for the list", name="category")
    return category


def _read_format(form: str, text: str) -> ListFormat:
    if form == AUTO:
        return guess_format(text)
    if form not in FORMATS:
        raise HouseholdError("choose how the list is written", name="format")
    return ListFormat(form)


def history_line(own: OwnList, what: str) -> str:
    """Return the line of the history.  what: "added", "changed" or "removed"."""
    return f"own list {own.slug} {what}"

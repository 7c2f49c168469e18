"""Plan which lists come over: those of the catalogue by a category, others by the settings, and
what no rule can say as a list of one's own.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from copdns.household.edit_checks import free_slug
from copdns.household.moving_in.draft import NOBODY, PlanDraft, PlannedList, Result
from copdns.household.moving_in.other_names import list_at
from copdns.household.moving_in.plan_people import block_category
from copdns.household.moving_in.rule_lines import why_skipped
from copdns.household.moving_in.wishes import EVERYONE, FileEntry, FoundSettings, LineWish, ListWish
from copdns.lists.own_lists import MAX_LETTERS, MAX_LISTS, LineOutcome
from copdns.lists.source import Source
from copdns.model.addresses import bad_url
from copdns.model.errors import ListError
from copdns.model.sentences import Sentence, literal, sentence

_OWN_CATEGORY: Final = "ads"  # what most lists that others choose are about
_NO_ROOM: Final = sentence("there are too many lists of your own already; remove one first")
_NO_OWN: Final = sentence("at an internet provider, families cannot add lists of their own")
_NOT_CHOSEN: Final = sentence("your internet provider did not choose this list")


class WantedSources(NamedTuple):
    """What the settings have to name.  use: slugs of the catalogue.  own: address, title, opens."""

    use: tuple[str, ...]
    own: tuple[tuple[str, str, bool], ...]


def plan_lists(draft: PlanDraft, entries: Iterable[FileEntry]) -> WantedSources:
    """Block the categories of the lists that copdns knows; return what the settings have to
    name."""
    sources = {each.slug: each for each in draft.around.sources}
    by_url = {each.url.lower().rstrip("/"): each.slug for each in draft.around.sources}
    use: dict[str, None] = {}
    own: dict[str, tuple[str, str, bool]] = {}
    for entry in entries:
        wish = entry.wish
        if not isinstance(wish, ListWish):
            continue
        people = draft.members(wish.scopes)
        slug = by_url.get(wish.url.strip().lower().rstrip("/")) or list_at(wish.url)
        source = None if wish.opens else sources.get(slug)
        if not people:
            draft.tell(entry, Result.LEFT, NOBODY)
        elif source is None:
            if _tell_own(draft, entry, wish):
                own.setdefault(wish.url, (wish.url, wish.title, wish.opens))
        else:
            block_category(draft, people, source.category)
            if not source.default:
                use[source.slug] = None
            _tell_known(draft, entry, source, people)
    if draft.around.is_shared:
        return WantedSources((), ())
    return WantedSources(tuple(use), tuple(own.values()))


def _tell_own(draft: PlanDraft, entry: FileEntry, wish: ListWish) -> bool:
    """Tell that a list is not known here; return whether it can be fetched."""
    if trouble := bad_url(wish.url):
        draft.tell(entry, Result.LEFT, literal(trouble))
        return False
    if draft.around.is_shared:
        draft.tell(entry, Result.LEFT, _NOT_CHOSEN)
        return False
    said = sentence(
        "copdns does not have this list; if you set up copdns yourself, you can add the lines for "
        "the settings file that are shown with this; if not, ask the person who did"
    )
    draft.tell(entry, Result.LEFT, said)
    return True


def _tell_known(draft: PlanDraft, entry: FileEntry, source: Source, people: Sequence[str]) -> None:
    whom = draft.names(people)
    if source.default:
        said = sentence(
            "the list %(list)s, by blocking the category %(category)s for %(whom)s",
            list=source.slug,
            category=source.category,
            whom=whom,
        )
        draft.tell(entry, Result.TAKEN, said)
        return
    if draft.around.is_shared:
        said = sentence(
            "the category %(category)s is blocked for %(whom)s; your internet provider chooses its "
            "lists",
            category=source.category,
            whom=whom,
        )
        draft.tell(entry, Result.PARTLY, said)
        return
    said = sentence(
        "the category %(category)s is blocked for %(whom)s; for the list %(list)s itself, add the "
        "lines for the settings file that are shown with this",
        list=source.slug,
        category=source.category,
        whom=whom,
    )
    draft.tell(entry, Result.PARTLY, said)


def settings_text(wanted: WantedSources) -> str:
    """Return YAML for the settings that names lists; "" for none."""
    if not any(wanted):
        return ""
    lines = ["sources:"]
    if wanted.use:
        lines.append(f"  use: [{', '.join(('auto', *wanted.use))}]")
    if wanted.own:
        lines.append("  own:")
    taken: list[str] = []
    for url, title, opens in wanted.own:
        slug = free_slug(f"own {title or url.rpartition('/')[2]}", taken, "own-list")
        taken.append(slug)
        values = f"url: {json.dumps(url)}, category: {_OWN_CATEGORY}, format: adblock, match: exact"
        lines.append(f"    - {{slug: {slug}, {values}{', opens: true' * opens}}}")
    return "\n".join(lines) + "\n"


# --- lines ----------------------------------------------------------------------------------------


def plan_lines(
    draft: PlanDraft, found: FoundSettings, lines: Iterable[tuple[FileEntry, LineWish]]
) -> None:
    """Put lines into lists of one's own, one for each set of people; tell what is taken."""
    there = {line.strip() for text in draft.around.own_texts for line in text.splitlines()}
    by_people: dict[tuple[str, ...], list[tuple[FileEntry, LineWish]]] = {}
    for entry, wish in lines:
        people = tuple(_whom(draft, wish.scopes))
        if not people:
            draft.tell(entry, Result.LEFT, NOBODY)
        elif draft.around.is_shared:
            draft.tell(entry, Result.LEFT, _NO_OWN)
        elif wish.line in there:
            draft.tell(entry, Result.THERE, sentence("a list of your own has this line already"))
        else:
            by_people.setdefault(people, []).append((entry, wish))
    for people, wanted in by_people.items():
        for chunk in _chunks(wanted):
            _plan_list(draft, found, people, chunk)


def _whom(draft: PlanDraft, scopes: Iterable[str]) -> Iterable[str]:
    """Return the ids of those for whom lines are: for everyone, those who were here already too."""
    if EVERYONE in scopes:
        return (each.id for each in draft.household.profiles)
    return draft.members(scopes)


def _chunks(
    lines: Sequence[tuple[FileEntry, LineWish]],
) -> Iterable[list[tuple[FileEntry, LineWish]]]:
    """Yield lines in parts that each fit a list."""
    part: list[tuple[FileEntry, LineWish]] = []
    size = 0
    for entry, wish in lines:
        length = len(wish.line) + 1
        if size + length > MAX_LETTERS - 100 and part:
            yield part
            part, size = [], 0
        part.append((entry, wish))
        size += length
    if part:
        yield part


def _plan_list(
    draft: PlanDraft,
    found: FoundSettings,
    people: tuple[str, ...],
    lines: list[tuple[FileEntry, LineWish]],
) -> None:
    if len(draft.around.own_texts) + len(draft.lists) >= MAX_LISTS:
        for entry, _ in lines:
            draft.tell(entry, Result.LEFT, _NO_ROOM)
        return
    text = "".join(f"{wish.line}\n" for _, wish in lines)
    try:
        reports = {each.line: each for each in draft.around.judge(text)}
    except ListError as error:
        for entry, _ in lines:
            draft.refuse(entry, error)
        return
    used = []
    for number, (entry, wish) in enumerate(lines, 1):
        report = reports.get(number)
        if report is None or report.outcome is not LineOutcome.TAKEN:
            reason = report.reason if report is not None else None
            said = why_skipped(reason) if reason else sentence("it says nothing here")
            draft.tell(entry, Result.LEFT, said)
        else:
            used.append((entry, wish))
    if all(wish.is_exception for _, wish in used):
        for entry, _ in used:
            said = sentence("it only opens what other lists block; write a rule for each site")
            draft.tell(entry, Result.LEFT, said)
        return
    title = f"{found.product} {len(draft.lists) + 1}" if draft.lists else str(found.product)
    draft.lists.append(PlannedList(title, "".join(f"{wish.line}\n" for _, wish in used), people))
    for entry, wish in used:
        _tell_line(draft, entry, wish, title)


def _tell_line(draft: PlanDraft, entry: FileEntry, wish: LineWish, title: str) -> None:
    if wish.is_exception:
        said: Sentence = sentence(
            "a line of the list %(list)s, where it opens what that list blocks", list=title
        )
        draft.tell(entry, Result.PARTLY, said)
    else:
        draft.tell(entry, Result.TAKEN, sentence("a line of the list %(list)s", list=title))

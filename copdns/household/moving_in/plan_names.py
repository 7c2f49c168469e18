"""Plan which names the household answers or forwards itself: local names, rewrites, and upstreams
for some names.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from copdns.household.moving_in.draft import NOBODY, REFUSALS, PlanDraft, Result
from copdns.household.moving_in.wishes import FileEntry, LocalWish, RewriteWish, UpstreamsWish
from copdns.household.name_edits import set_local_name, set_rewrite, set_split_upstream
from copdns.model.matchers import parse_matcher
from copdns.model.scoped_names import EVERY_NAME
from copdns.model.sentences import sentence

_SERVERS_OF_ALL: Final = sentence("your internet provider decides which DNS servers are asked")


def plan_names(draft: PlanDraft, entries: Iterable[FileEntry]) -> None:
    """Add names with their addresses, rewrites, and upstreams for some names."""
    before = {each.key: each.values for each in draft.household.local_names}
    asked = {each.key: each.upstreams for each in draft.household.split_upstreams}
    for entry in entries:
        try:
            match entry.wish:
                case LocalWish():
                    _plan_local(draft, entry, entry.wish, before)
                case RewriteWish():
                    _plan_rewrite(draft, entry, entry.wish)
                case UpstreamsWish():
                    _plan_upstreams(draft, entry, entry.wish, asked)
        except REFUSALS as error:
            draft.refuse(entry, error)


def _scope_name(draft: PlanDraft, name: str, scope: str) -> str | None:
    """Return a name as it is written for some people; None where none of them came over."""
    here = draft.scope(scope)
    if here is None:
        return None
    return f"{name}@{here}" if here else name


def _plan_local(
    draft: PlanDraft, entry: FileEntry, wish: LocalWish, before: Mapping[str, tuple[str, ...]]
) -> None:
    name = _scope_name(draft, wish.name, wish.scope)
    if name is None:
        draft.tell(entry, Result.LEFT, NOBODY)
        return
    bare, known = draft.bare, draft.around.known
    local = set_local_name(bare, name, [wish.value], known).local_names[-1]
    there = next((e for e in draft.household.local_names if e.key == local.key), None)
    value = local.values[0]
    if there is not None and value in there.values:
        draft.tell(entry, Result.THERE, sentence("this name is here already"))
        return
    if local.key in before:
        said = sentence("copdns already has a different address for %(name)s", name=local.key)
        draft.tell(entry, Result.LEFT, said)
        return
    values = (*there.values, value) if there is not None else (value,)
    made = set_local_name(bare, name, values, known).local_names[-1]
    others = tuple(e for e in draft.household.local_names if e.key != made.key)
    draft.household = replace(draft.household, local_names=(*others, made))
    said = sentence("the local name %(name)s with %(value)s", name=made.key, value=value)
    draft.tell(entry, Result.TAKEN, said)


def _plan_rewrite(draft: PlanDraft, entry: FileEntry, wish: RewriteWish) -> None:
    matcher = parse_matcher(wish.name)
    made = set_rewrite(draft.bare, wish.name, wish.target, draft.around.known).rewrites[-1]
    there = next((e for e in draft.household.rewrites if e.matcher == matcher), None)
    if there == made:
        draft.tell(entry, Result.THERE, sentence("this rewrite is here already"))
        return
    if there is not None:
        said = sentence("%(name)s leads to %(target)s here", name=str(matcher), target=there.target)
        draft.tell(entry, Result.LEFT, said)
        return
    draft.household = replace(draft.household, rewrites=(*draft.household.rewrites, made))
    said = sentence("a rewrite of %(name)s to %(target)s", name=str(matcher), target=made.target)
    draft.tell(entry, Result.TAKEN, said)


def _plan_upstreams(
    draft: PlanDraft, entry: FileEntry, wish: UpstreamsWish, before: Mapping[str, tuple[str, ...]]
) -> None:
    name = _scope_name(draft, wish.name, wish.scope)
    if name in (None, EVERY_NAME):
        draft.tell(entry, Result.LEFT, NOBODY)
        return
    if draft.around.is_shared:
        draft.tell(entry, Result.LEFT, _SERVERS_OF_ALL)
        return
    assert name is not None
    bare, known = draft.bare, draft.around.known
    made = set_split_upstream(bare, name, wish.servers, known).split_upstreams[-1]
    there = next((e for e in draft.household.split_upstreams if e.key == made.key), None)
    if there is not None and {*made.upstreams} <= {*there.upstreams}:
        draft.tell(entry, Result.THERE, sentence("these servers are here already"))
        return
    if made.key in before:
        said = sentence("%(name)s is asked of other servers here", name=made.key)
        draft.tell(entry, Result.LEFT, said)
        return
    if there is not None:
        servers = (*there.upstreams, *made.upstreams)
        made = set_split_upstream(bare, name, servers, known).split_upstreams[-1]
    others = tuple(e for e in draft.household.split_upstreams if e.key != made.key)
    draft.household = replace(draft.household, split_upstreams=(*others, made))
    said = sentence(
        "%(name)s is asked of %(servers)s", name=made.key, servers=", ".join(made.upstreams)
    )
    draft.tell(entry, Result.TAKEN, said)

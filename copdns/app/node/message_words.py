"""What a message of a rollout says to somebody of the staff, in their language.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from copdns.events.notices import NoticeText
from copdns.provider.rollout.messages import RolloutMessage, RolloutNews
from copdns.provider.rollout.rollouts import COPDNS, RolloutStage
from copdns.web.staff.rollout_reasons import tell_reason
from copdns.words.phrases import Phrases


def _t(text: str) -> str:
    """Mark a text for translators, and return it as it is."""
    return text


_TITLES: Final[Mapping[RolloutNews, str]] = {
    RolloutNews.STOPPED: _t("Rollout %(number)s (%(what)s) stopped"),
    RolloutNews.UNDONE: _t("Rollout %(number)s (%(what)s) was taken back"),
    RolloutNews.DONE: _t("Rollout %(number)s (%(what)s) is done"),
    RolloutNews.FINAL: _t("Rollout %(number)s (%(what)s) has no way back any more"),
    RolloutNews.FROZEN: _t("Freeze %(number)s of rollouts is set"),
    RolloutNews.THAWED: _t("Freeze %(number)s of rollouts has ended"),
}
_PLACES: Final[Mapping[RolloutStage, str]] = {
    RolloutStage.CANARY: _t("It was on canary nodes."),
    RolloutStage.SITE: _t("It was at the sites of canary nodes."),
    RolloutStage.ALL: _t("It was on all nodes."),
    RolloutStage.DONE: _t("It was on all nodes."),
}
_NEXT: Final[Mapping[RolloutNews, str]] = {
    RolloutNews.STOPPED: _t("Nodes that have it keep it until someone resumes or undoes it."),
    RolloutNews.UNDONE: _t("Nodes take the one before it."),
    RolloutNews.DONE: _t("All nodes that were there had it for its watch."),
    RolloutNews.FINAL: _t("The schema lost what only the version before used."),
    RolloutNews.FROZEN: _t("Nothing new reaches a node meanwhile; what is undone goes back."),
    RolloutNews.THAWED: _t("Rollouts go on."),
}


def message_text(message: RolloutMessage, phrases: Phrases, kinds: Mapping[str, str]) -> NoticeText:
    """Return a message for people.

    kinds: what the kinds of rollouts are called in that language.  A reason that the version before
    wrote is in English.
    """
    say = phrases.gettext
    who = "copdns" if message.by == COPDNS else message.by
    if message.what in (RolloutNews.FROZEN, RolloutNews.THAWED):
        title = say(_TITLES[message.what]) % {"number": message.subject}
        until = phrases.moment(message.ends, "UTC")
        by = say(_t("Until %(until)s (UTC), by %(who)s.")) % {"until": until, "who": who}
        return NoticeText(title, f"{by}\n{say(_NEXT[message.what])}")
    name = " ".join(filter(None, (kinds.get(message.kind, message.kind), message.label)))
    title = say(_TITLES[message.what]) % {"number": message.subject, "what": name}
    when = phrases.moment(message.at, "UTC")
    by = say(_t("By %(who)s, %(when)s (UTC).")) % {"who": who, "when": when}
    why = message.why
    if (found := message.because) is not None:
        why = tell_reason(found.code, found.values, phrases)
    lines = (
        f"{say(_PLACES[RolloutStage(message.stage)])} {by}",
        phrases.label(phrases.pgettext("of a rollout", "Why"), why) if why else "",
        say(_NEXT[message.what]),
        say(_t("%(command)s has each step."))
        % {"command": f"copdns provider rollout show {message.subject}"},
    )
    return NoticeText(title, "\n".join(filter(None, lines)))

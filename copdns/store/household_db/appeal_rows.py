"""The SQL of the tables of appeals, and how their rows become values of `appeals/appeal.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from copdns.appeals.appeal import (
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
    WantedLength,
)
from copdns.appeals.news import mark
from copdns.appeals.review import DecisionReason
from copdns.model.household import Band
from copdns.model.verdict import Action, Reason
from copdns.store.connection import SqlConnection
from copdns.store.household_db.cells import (
    Cells,
    as_json,
    read_moment,
    read_number,
    read_optional,
    read_text,
    read_texts,
)
from copdns.store.household_db.tables import odd_row_error
from copdns.store.statements import ALL_ROWS

COLUMNS = (
    *("id", "profile", "device", "kind", "name", "why", "words", "wanted", "minutes", "day"),
    *("action", "reason", "list", "list_version", "category", "service", "rule", "via", "period"),
    *("revision", "asked", "since", "state", "seen", "disagreed", "more_words", "provisional"),
    *("reminded", "overdue", "closed", "band", "wanted_band", "paired"),
)

_SELECT = """
    select id, profile, device, kind, name, why, words, wanted, minutes, day, action, reason, list,
           list_version, category, service, rule, via, period, revision, asked, since, state, seen,
           disagreed, more_words, provisional, reminded, overdue, closed, band, wanted_band, paired
      from appeal
     where household = :household
       and (id = :id or :id is null)
       and ((profile = :profile or :profile is null)
            and (state in (select value from json_each(:states)) or :states is null)
            or device = :device and asked > :after)
     order by asked desc, id
     limit :limit"""

_ANSWERS = """
    select appeal, at, state, reason, role, name, account, text, made, until, policy
      from appeal_answer
     where household = ? and appeal in (select value from json_each(?))
     order by appeal, number"""

_SAVE = """
    insert into appeal (
           household, id, profile, device, kind, name, why, words, wanted, minutes, day, action,
           reason, list, list_version, category, service, rule, via, period, revision, asked,
           since, state, seen, disagreed, more_words, provisional, reminded, overdue, closed, band,
           wanted_band, paired, mark)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
           ?, ?, ?, ?, ?, ?)
        on conflict (household, id) do update
       set device = excluded.device, name = excluded.name, why = excluded.why,
           words = excluded.words, list = excluded.list, list_version = excluded.list_version,
           category = excluded.category, service = excluded.service, rule = excluded.rule,
           via = excluded.via, period = excluded.period, revision = excluded.revision,
           since = excluded.since, state = excluded.state, seen = excluded.seen,
           disagreed = excluded.disagreed, more_words = excluded.more_words,
           provisional = excluded.provisional, reminded = excluded.reminded,
           overdue = excluded.overdue, closed = excluded.closed, band = excluded.band,
           wanted_band = excluded.wanted_band, paired = excluded.paired,
           mark = excluded.mark"""

_SAVE_ANSWER = """
    insert into appeal_answer (
           household, appeal, number, at, state, reason, role, name, account, text, made, until,
           policy)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        on conflict (household, appeal, number) do update set text = excluded.text"""


def select(
    connection: SqlConnection,
    household: str,
    *,
    appeal: str | None = None,
    profile: str = "",
    states: Collection[AppealState] = (),
    device: str | None = None,
    after: int = 0,
    limit: int = ALL_ROWS,
) -> tuple[Appeal, ...]:
    """Return a household's appeals that match, the newest first; it takes two queries.

    appeal: only the one with this id.  profile, states: "" and () for any.  device, after: also
    those made on a device since then (seconds since the epoch).
    """
    wanted = {
        "household": household,
        "id": appeal,
        "profile": profile or None,
        "states": as_json(sorted(states)) if states else None,
        "device": device,
        "after": after,
        "limit": limit,
    }
    rows = connection.execute(_SELECT, wanted).fetchall()
    answers: dict[str, list[AppealAnswer]] = {}
    ids = as_json(row[0] for row in rows)
    for row in connection.execute(_ANSWERS, (household, ids)) if rows else ():
        answers.setdefault(row[0], []).append(_answer_from_row(household, row))
    return tuple(_appeal_from_row(household, row, tuple(answers.get(row[0], ()))) for row in rows)


def save(connection: SqlConnection, household: str, appeal: Appeal) -> None:
    """Write an appeal; of an answer that is stored already only its text is updated."""
    connection.execute(_SAVE, (household, *_cells(appeal), mark(appeal)))
    connection.executemany(_SAVE_ANSWER, _answer_rows(household, appeal))


def _cells(appeal: Appeal) -> Cells:
    ask, to = appeal.ask, appeal.ask.to
    return (
        *(appeal.id, ask.profile, ask.device, ask.kind, ask.name, ask.why, ask.words),
        *(ask.wanted, ask.minutes, None if ask.day is None else str(ask.day)),
        *(to.action, to.reason, to.list, to.list_version, to.category, to.service, to.rule),
        *(to.via, to.period, to.revision),
        *(appeal.asked, appeal.since, appeal.state, appeal.seen, appeal.disagreed),
        *(appeal.more_words, appeal.provisional, appeal.reminded, appeal.overdue, appeal.closed),
        *(ask.band, ask.wanted_band, ask.paired),
    )


def _answer_rows(household: str, appeal: Appeal) -> Iterable[Cells]:
    for place, each in enumerate(appeal.answers):
        yield (
            *(household, appeal.id, place, each.at, each.state, each.reason),
            *(each.by.role, each.by.name, each.by.id, each.text, as_json(each.made), each.until),
            each.policy,
        )


def _appeal_from_row(
    household: str, row: tuple[object, ...], answers: tuple[AppealAnswer, ...]
) -> Appeal:
    found = dict(zip(COLUMNS, row, strict=True))
    try:
        return Appeal(
            id=read_text(found["id"]),
            ask=_request_from_row(found),
            asked=read_number(found["asked"]),
            since=read_number(found["since"]),
            state=AppealState(read_text(found["state"])),
            seen=read_optional(read_number, found["seen"]),
            answers=answers,
            disagreed=bool(read_number(found["disagreed"])),
            more_words=read_text(found["more_words"]),
            provisional=read_text(found["provisional"]),
            reminded=read_optional(read_number, found["reminded"]),
            overdue=read_optional(read_number, found["overdue"]),
            closed=read_optional(read_number, found["closed"]),
        )
    except ValueError as error:
        raise odd_row_error("appeal", row[0], household, error) from error


def _request_from_row(found: Mapping[str, object]) -> AppealRequest:
    day = found["day"]
    return AppealRequest(
        profile=read_text(found["profile"]),
        device=read_text(found["device"]),
        kind=AppealKind(read_text(found["kind"])),
        to=ContestedVerdict(
            action=Action(read_text(found["action"])),
            reason=Reason(read_text(found["reason"])),
            revision=read_number(found["revision"]),
            **{each: read_text(found[each]) for each in _TEXTS},
        ),
        name=read_text(found["name"]),
        why=AppealMotive(read_text(found["why"])),
        words=read_text(found["words"]),
        wanted=WantedLength(read_text(found["wanted"])),
        minutes=read_number(found["minutes"]),
        day=None if day is None else date.fromisoformat(read_text(day)),
        band=read_optional(_read_band, found["band"]),
        wanted_band=read_optional(_read_band, found["wanted_band"]),
        paired=bool(read_number(found["paired"])),
    )


def _read_band(cell: object) -> Band:
    return Band(read_text(cell))


_TEXTS = ("list", "list_version", "category", "service", "rule", "via", "period")


def _answer_from_row(household: str, row: tuple[object, ...]) -> AppealAnswer:
    _, at, state, reason, role, name, account, words, made, until, policy = row
    try:
        return AppealAnswer(
            at=read_number(at),
            state=AppealState(read_text(state)),
            reason=DecisionReason(read_text(reason)),
            by=Decider(read_text(role), read_text(name), read_text(account)),
            text=read_text(words),
            made=read_texts(made),
            until=read_optional(read_moment, until),
            policy=read_text(policy),
        )
    except ValueError as error:
        raise odd_row_error("appeal_answer", row[0], household, error) from error

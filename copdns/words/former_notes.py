"""Notes of the version before, which households keep, and what the same notes say now.

A note that copdns wrote itself is stored in English beside a rule, a schedule, a budget or a grant,
and is translated when it is shown.  One of an older version is looked up by its words of today, so
that it is still translated.  Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

GAMES = (
    "Games are made so that you want to keep playing. When they stop, you have time for other "
    "things."
)
MATCH = "Games are made so that you want to keep playing. If a match needs longer, ask."
TEN_HOURS = "You need about ten hours of sleep on school nights. Screens keep people awake."
SIGNS = (
    "If a device seems to get past the rules, we tell you first, and your parents or carers a day "
    "later."
)
SOCIAL = "Social media is for older children. Chats with people you don't know are not safe."
SLEEP = (
    "On school nights, eight hours' sleep makes a difference. The rest of your time is up to you."
)

NOW: Mapping[str, str] = {
    # Of presets.
    "These places are made for children of your age.": (
        "These sites are made for children of your age."
    ),
    "You grow while you sleep. The tablet sleeps as well.": (
        "You grow while you sleep. The tablet sleeps too."
    ),
    "Games are made so that it is hard to stop. So there is time for other things too.": GAMES,
    "Games are made so that you want to keep playing. A stop time leaves time for other things.": (
        GAMES
    ),
    "Games are made so that it is hard to stop. A limit leaves time for other things.": GAMES,
    "Games are made to be hard to stop. A limit leaves time for other things.": GAMES,
    "Games are designed to be hard to put down. A limit leaves time for other things.": GAMES,
    "Games are made so that it is hard to stop. If a match needs longer, ask.": MATCH,
    "Games are made to be hard to stop. If a match needs longer, ask.": MATCH,
    "Games are designed to be hard to put down. If a match needs longer, ask.": MATCH,
    "Before school days you need about ten hours of sleep, and screens keep people awake.": (
        TEN_HOURS
    ),
    "On school nights you need about ten hours' sleep, and screens keep people awake.": TEN_HOURS,
    "Before school days eight hours of sleep make a difference. What you use when is up to you.": (
        SLEEP
    ),
    "Before school days, eight hours of sleep make a difference. The rest of your time is up to "
    "you.": SLEEP,
    "When you search, you find pictures that are made for children too.": (
        "When you search, you find pictures that are fine for children."
    ),
    "Some search sites cannot leave out things for grown-ups, so you use the others.": (
        "Some search sites cannot hide things for grown-ups, so you use the others."
    ),
    "If your tablet seems to get past the rules, you and your grown-ups are told. Nobody is "
    "cross.": (
        "If your tablet seems to get past the rules, we tell you and your grown-ups. Nobody is "
        "cross."
    ),
    "Only blocked sites are recorded, so that your grown-ups can allow what you need.": (
        "We only write down blocked sites, so that your grown-ups can allow what you need."
    ),
    "Some sites can put bad programs on your tablet or phone. Others trick people to get "
    "their passwords.": (
        "Some sites can put bad programs on your tablet or phone. Others trick you into telling "
        "them your password."
    ),
    "Social media and chats with people you don't know are for older children and grown-ups.": (
        SOCIAL
    ),
    "Social media and chat rooms are for people who are older than you.": SOCIAL,
    "Social media and chats with people you don't know are for older people.": SOCIAL,
    "Social media and chat rooms are made for people who are older than you.": SOCIAL,
    "Social media and chats with strangers are for people who are older than you.": SOCIAL,
    "When you search, most pictures for grown-ups are left out.": (
        "When you search, most pictures for grown-ups are hidden."
    ),
    "YouTube leaves out many videos that are not for children.": (
        "YouTube hides many videos that are not for children."
    ),
    "If your tablet seems to get past the rules, you and a grown-up are told. Nobody is cross.": (
        "If your tablet seems to get past the rules, we tell you and a grown-up. Nobody is cross."
    ),
    "Only blocked sites are recorded, so that you and your grown-ups can talk about them.": (
        "We only write down blocked sites, so that you and your grown-ups can talk about them."
    ),
    "YouTube leaves out many videos that are not for your age. Do you need one for school? Ask.": (
        "YouTube hides many videos that are not for your age. Do you need one for school? Ask."
    ),
    "If a tablet or phone seems to get past the rules, you and a grown-up are told. Nothing "
    "else happens.": (
        "If a tablet or phone seems to get past the rules, we tell you and a grown-up. Nothing "
        "else happens."
    ),
    "Only blocked sites are recorded, so that you can disagree and someone can check.": (
        "We only write down blocked sites, so that you can say if one is wrong."
    ),
    "Porn and other sites about sex, made for adults.": (
        "Porn and other sexual sites meant for adults."
    ),
    "Porn sites are 18+.": "Porn and other sexual sites meant for adults.",
    "Gambling sites are 18+.": ("Gambling is for adults only."),
    "Sites that talk people into hurting themselves. Help sites always work.": (
        "Sites that encourage self-harm. Sites that give help always work."
    ),
    "YouTube is in restricted mode, which can hide too much.": (
        "YouTube is in Restricted Mode, which sometimes hides harmless videos too."
    ),
    "If a device seems to get past the rules, you are told first, your parents or guardians "
    "a day later.": SIGNS,
    "If a device seems to get past the rules, we tell you first, and your parents or guardians "
    "a day later.": SIGNS,
    "Which sites you use is private. Only how many sites and what type is recorded, not which.": (
        "The sites you use are private. We only record how many, and what kind."
    ),
    # Of answers to requests.
    "Open until somebody answers your question.": "Allowed until someone answers your request.",
    "Opened after a question.": "Allowed after a request.",
    "list error: this name is vouched for.": ("Listed by mistake: this site is known to be safe."),
}


def note_now(note: str) -> str:
    """Return a stored note as copdns would write it now; what a person wrote stays as it is."""
    return NOW.get(note, note)

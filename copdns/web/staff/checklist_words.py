"""What the page of the ITU's checklist says: each clause, what copdns does about it, each point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from copdns.model.sentences import Phrase

CHECKLIST_WORDS: Final[Mapping[str, Mapping[str, Phrase]]] = {
    "clause": {
        "hotlines": Phrase("clause", "Work with hotlines and the police by a clear procedure"),
        "material_lists": Phrase("clause", "Recognised lists of child sexual abuse material"),
        "notice": Phrase("clause", "Notice to customers in the terms"),
        "reporting": Phrase("clause", "A way for users to report, with times of response"),
        "controls": Phrase("clause", "Controls for parents, with guidance"),
    },
    # By the number of the guideline's key area.
    "key area": {
        "2": Phrase("key area", "standard processes against child sexual abuse material"),
        "3": Phrase("key area", "a safer environment that suits the age"),
    },
    "does": {
        "hotlines": Phrase(
            "what copdns does",
            "Each answer of the public form has the hotlines of the country. An order is entered "
            "by one person, confirmed by another and ends at its second. The register shows when "
            "a line was changed. Requests to preserve are about what is there, and not about "
            "what is to come.",
        ),
        "material_lists": Phrase(
            "what copdns does",
            "Names of a confidential order are blocked for all, stored sealed, and left out of "
            "the statement. copdns comes with no such list: a hotline gives it, on its own terms.",
        ),
        "notice": Phrase(
            "what copdns does",
            "A public page says what is filtered at this moment, and by whose decision. A text "
            "for the terms is in the documentation.",
        ),
        "reporting": Phrase(
            "what copdns does",
            "Anyone can ask on a form whether a site is blocked and why, and ask for a review of "
            "the list. Two reviewers are drawn by lot. The target is three days for a family and "
            "seven for others.",
        ),
        "controls": Phrase(
            "what copdns does",
            "Families choose their own filter, and it is off until they do. Children see their "
            "rules and why something is blocked, and can ask. Each setting says what it means "
            "for the child.",
        ),
    },
    "point": {
        "hotline": Phrase("point of a clause", "Hotlines of the country"),
        "contact": Phrase("point of a clause", "An address that people can write to"),
        "two_keepers": Phrase("point of a clause", "Two administrators who can log in"),
        "decided_in_time": Phrase("point of a clause", "No late decision about a protected name"),
        "procedure": Phrase("point of a clause", "Who of your people is called, and when"),
        "confidential": Phrase("point of a clause", "Confidential orders in force"),
        "licence": Phrase("point of a clause", "The agreement with the list's hotline"),
        "statement": Phrase("point of a clause", "The public statement"),
        "archive": Phrase("point of a clause", "Earlier statements and reports, for the public"),
        "terms": Phrase("point of a clause", "What the terms for customers say"),
        "public_form": Phrase("point of a clause", "The public form, with a target in days"),
        "two_reviewers": Phrase("point of a clause", "Two reviewers who can log in"),
        "answered_in_time": Phrase("point of a clause", "No late review of a list"),
        "staff_told": Phrase("point of a clause", "Messages to the staff"),
        "families": Phrase("point of a clause", "Pages for families, reached from a portal"),
        "portals": Phrase("point of a clause", "Portals with a key"),
        "lists": Phrase("point of a clause", "Lists that families can choose"),
        "guidance": Phrase("point of a clause", "Languages of the pages and the help for families"),
    },
    "point is": {
        "there": Phrase("point of a clause", "here"),
        "missing": Phrase("point of a clause", "missing"),
        "elsewhere": Phrase("point of a clause", "not known here"),
    },
}

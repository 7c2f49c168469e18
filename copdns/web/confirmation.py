"""Ask before what cannot be undone.

A handler that destroys says in one sentence what will be gone, in `require_sure`; a page asks, and
its button sends the same form again, with the answer.
"""

from __future__ import annotations

from aiohttp import web

from copdns.model.sentences import Sentence
from copdns.web.browser_input import fields_of

SURE_FIELD = "sure"  # of a form: whoever sends it read the question


class SureNeededError(web.HTTPConflict):
    """Nothing was done: somebody has to say first that it is what they want.

    question: what will be gone.
    """

    def __init__(self, question: Sentence) -> None:
        super().__init__(reason="This cannot be undone; send it again with the field sure")
        self.question = question


async def require_sure(request: web.Request, question: Sentence) -> None:
    """Raise SureNeededError unless the form says that somebody read the question."""
    if SURE_FIELD not in await fields_of(request):
        raise SureNeededError(question)

"""What a provider's programs tell over HTTP: a moment that is no number is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from copdns.app.node.api import ToldSession


@pytest.mark.parametrize("at", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_session_that_would_not_end_is_refused(at: str) -> None:
    told = '{"kind": "start", "machine": "bng", "session": "1", "line": "l1", "at": %s}'
    assert ToldSession.model_validate_json(told % "1770000000.5").at
    with pytest.raises(ValidationError):
        ToldSession.model_validate_json(told % at)

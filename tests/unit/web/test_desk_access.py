"""Over which connections the desk opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.web.desk_access import BrowserConnection, may_show_desk


@pytest.mark.parametrize(
    ("secure", "address", "allowed"),
    [
        (True, "192.0.2.8", True),
        (False, "192.0.2.8", False),
        (False, "127.0.0.1", True),
        (False, "127.8.8.8", True),
        (False, "::1", True),
        (False, "::ffff:127.0.0.1", True),
        (False, "::ffff:192.0.2.8", False),
        (False, "fe80::1%eth0", False),
        (False, "localhost", False),
        (False, "", False),
    ],
)
def test_the_desk_wants_https_but_on_the_machine_itself(
    secure: bool, address: str, allowed: bool
) -> None:
    assert may_show_desk(BrowserConnection(secure, address), over_http=False) is allowed
    assert may_show_desk(BrowserConnection(secure, address), over_http=True)


@given(st.text(max_size=40))
def test_no_text_is_taken_for_this_machine(text: str) -> None:
    if not text.startswith(("127.", "::", "0")):
        assert not may_show_desk(BrowserConnection(False, text), over_http=False)

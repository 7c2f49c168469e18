"""The words in a ring can be judged: what measures their contrast finds the card behind them."""

from __future__ import annotations

from tests.e2e.house import MIA
from tests.running import Program
from tests.web.browsing import PHONE, Browsers
from tests.web.pages import DOOR, pair

# The names of all that lies at the middle of what is chosen, the topmost first.
LIES_THERE = """(all) => all.map((each) => {
    each.scrollIntoView({ block: 'center' });
    const box = each.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    return document.elementsFromPoint(x, y).map((other) => other.localName);
})"""


def test_no_picture_lies_over_the_words_in_a_ring(browsers: Browsers, program: Program) -> None:
    program.command("schedule", "suggest", "--profile", "mia")
    mia = browsers.child(program, MIA, PHONE)
    pair(mia, program)
    mia.open(DOOR)
    words = mia.page.locator(".ring b, .ring small").evaluate_all(LIES_THERE)
    assert [each[0] for each in words] == ["b", "small"]
    assert not any({"svg", "circle"} & set(each) for each in words)

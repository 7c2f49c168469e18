"""The words in a ring can be judged: they lie above its picture, on a ground of their own."""

from __future__ import annotations

from tests.e2e.house import MIA
from tests.running import Program
from tests.web.browsing import PHONE, Browsers
from tests.web.pages import DOOR, pair

# Of each that is chosen: what lies topmost at its middle, its ground, and that of its card.
LIES_THERE = """(all) => all.map((each) => {
    each.scrollIntoView({ block: 'center' });
    const box = each.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const ground = (one) => getComputedStyle(one).backgroundColor;
    return [document.elementFromPoint(x, y).localName, ground(each), ground(each.closest('.card'))];
})"""


def test_the_words_in_a_ring_lie_on_the_colour_of_the_card(
    browsers: Browsers, program: Program
) -> None:
    program.command("schedule", "suggest", "--profile", "mia")
    mia = browsers.child(program, MIA, PHONE)
    pair(mia, program)
    mia.open(DOOR)
    words = mia.page.locator(".ring b, .ring small").evaluate_all(LIES_THERE)
    assert [topmost for topmost, _, _ in words] == ["b", "small"]
    assert all(ground == card for _, ground, card in words)

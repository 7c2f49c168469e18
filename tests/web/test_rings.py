"""The words in a ring can be judged: they lie above its picture, on a ground of their own."""

from __future__ import annotations

from tests.e2e.house import MIA
from tests.running import Program
from tests.web.browsing import PHONE, Browsers, ask_axe
from tests.web.pages import DOOR, pair

# Of each that is chosen: what lies topmost at its middle, its ground, that of its card, by how many
# pixels its letters reach out of it, and its HTML.
LIES_THERE = """(all) => all.map((each) => {
    each.scrollIntoView({ block: 'center' });
    const box = each.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const ground = (one) => getComputedStyle(one).backgroundColor;
    const letters = document.createRange();
    letters.selectNodeContents(each);
    const out = letters.getBoundingClientRect().height - box.height;
    const topmost = document.elementFromPoint(x, y).localName;
    return [topmost, ground(each), ground(each.closest('.card')), out, each.outerHTML];
})"""
# Which texts of a whole page axe-core could measure, and found right.
READABLE = """async () => {
    if (!("axe" in window)) return null;
    const found = await axe.run(document, {runOnly: ["color-contrast"], preload: false});
    return found.passes.flatMap((rule) => rule.nodes.map((node) => node.html));
}"""


def test_the_words_in_a_ring_lie_on_the_colour_of_the_card(
    browsers: Browsers, program: Program
) -> None:
    program.command("schedule", "suggest", "--profile", "mia")
    mia = browsers.child(program, MIA, PHONE)
    pair(mia, program)
    mia.open(DOOR)
    words = mia.page.locator(".ring b, .ring small").evaluate_all(LIES_THERE)
    assert [topmost for topmost, *_ in words] == ["b", "small"]
    assert all(ground == card and out <= 0 for _, ground, card, out, _ in words)
    # Not how many minutes there are: on a school day they are fewer than at the weekend.
    assert {html for *_, html in words} <= set(ask_axe(mia, READABLE, None))

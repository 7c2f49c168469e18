"""Judge a page by axe-core without judging the same thing twice.

Most of what axe-core does depends on little of a page.  Whether a text can be read depends on
colours and sizes, which most texts of a house share; most other rules depend on elements and their
attributes, which a page has in every language.  What a rule depends on is read from the page, so
that whatever differs is judged.
"""

from __future__ import annotations

from tests.web.browsing import COLOURS, Device, ask_axe, lines_of, violations

# Of axe-core's rules, those for which words and the place that they take decide, too: of two pages
# of one shape, another one says the same of both.
OF_WORDS = (
    *("document-title", "html-has-lang", "html-lang-valid", "html-xml-lang-mismatch", "valid-lang"),
    *("aria-command-name", "aria-input-field-name", "aria-toggle-field-name", "button-name"),
    *("empty-heading", "frame-title-unique", "image-alt", "image-redundant-alt", "label"),
    *("label-title-only", "landmark-unique", "link-name", "select-name", "summary-name"),
    *("svg-img-alt", "table-duplicate-name", "scrollable-region-focusable"),
)
SIZE = "target-size"  # depends on them too, and takes three times as long as all of those


class Colours:
    """The colours that texts had in pages which axe-core found right, by day or by night."""

    def __init__(self) -> None:
        self._right: set[str] = set()

    def __len__(self) -> int:
        return len(self._right)

    def violations(self, device: Device) -> list[str]:
        """Return what axe-core finds wrong with texts of the page whose colours, sizes and
        backgrounds it has not found right before."""
        # As one text, since Playwright takes a while for each part of an argument.
        wanted = {"right": " ".join(self._right), "rules": [*COLOURS]}
        said = ask_axe(device, _READABLE, wanted)
        self._right |= {*said["right"].split()}
        return lines_of(said["violations"])


def shape(device: Device) -> str:
    """Return all of a page that axe-core's rules look at, but for words, colours and places:
    elements with their attributes, which of them are to be seen, and where some text stands."""
    return str(device.page.evaluate(_SHAPE))


def violations_in(device: Device, known: str) -> list[str]:
    """Return what axe-core finds wrong, but for colours, with a page in one language more, or on
    one screen more.

    known: the shape of this page where it was judged by all rules; "" where it was not.
    """
    if shape(device) == known:
        of_places = () if has_room(device) else (SIZE,)
        return violations(device, only=(*OF_WORDS, *of_places))
    return violations(device, without=COLOURS)


def has_room(device: Device) -> bool:
    """Tell whether "target-size" (WCAG 2.2, 2.5.8) has nothing to find on the page: each target is
    24 pixels wide and high and meets no other one, or it is smaller, in one line, covered by
    nothing, and 24 pixels around its middle meet no other one.  Of any other page axe-core has to
    be asked, which knows more that is right."""
    return bool(device.page.evaluate(_HAS_ROOM))


# An element's background is that of what it lies in, as long as nothing is laid over something
# else; all properties that lay one over another, or hide it, belong to what is compared.  What
# axe-core is not sure about is not taken for right.
_READABLE = """async ({right, rules}) => {
    if (!("axe" in window)) return null;
    const usual = {
        backgroundColor: "rgba(0, 0, 0, 0)", backgroundImage: "none", opacity: "1",
        filter: "none", mixBlendMode: "normal", position: "static", zIndex: "auto", float: "none",
        transform: "none", clip: "auto", clipPath: "none", overflow: "visible",
        textShadow: "none", webkitTextStrokeWidth: "0px", textIndent: "0px",
    };
    const number = (text) => {  // of 53 bits, by which a text is known
        let [low, high] = [0, 0];
        for (let at = 0; at < text.length; at++) {
            low = (Math.imul(low, 31) + text.charCodeAt(at)) | 0;
            high = (Math.imul(high, 1000003) + text.charCodeAt(at)) | 0;
        }
        return `${(high >>> 11) * 2 ** 32 + (low >>> 0)}`;
    };
    const naming = new Set([...document.querySelectorAll("[aria-labelledby]")]
        .flatMap((each) => each.getAttribute("aria-labelledby").split(/\\s+/)));
    const keys = new Map(), known = new Set(right.split(" ")), texts = [];
    const visit = (element, below) => {
        const style = getComputedStyle(element);
        if (!element.checkVisibility() && style.display !== "contents") return;
        let chain = below.chain;
        for (const each in usual) {
            if (style[each] !== usual[each]) chain += `|${each}:${style[each]}`;
        }
        if (element.matches(":disabled, [aria-disabled=true], [inert]")) chain += "|disabled";
        const has = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
        const font = `${style.color} ${style.fontSize} ${style.fontWeight}`;
        const looks = `${font} ${style.textDecorationLine} ${style.borderBottomWidth}`;
        if (has || element.matches("input, select, textarea")) {
            const box = element.getBoundingClientRect();
            const hidden = box.width <= 1 || box.height <= 1 || box.right <= 0 || box.bottom <= 0;
            const name = naming.has(element.id) ? element.id : "";
            const off = element.control?.disabled ?? "";
            const key = number([
                chain, element.localName, element.type ?? "", looks, hidden, name, off,
                below.looks, below.has,
            ].join());
            keys.set(element, key);
            if (!known.has(key)) texts.push(element);
        }
        for (const each of element.children) visit(each, {chain, looks, has});
    };
    visit(document.body, {chain: getComputedStyle(document.documentElement).backgroundColor});
    if (!texts.length) return {violations: [], right: ""};
    scrollTo(0, document.documentElement.scrollHeight);
    const found = await axe.run({include: texts}, {
        runOnly: rules, resultTypes: ["violations", "incomplete"], elementRef: true, preload: false,
    });
    scrollTo(0, 0);
    const doubtful = new Set([...found.violations, ...found.incomplete]
        .flatMap((rule) => rule.nodes.map((each) => keys.get(each.element))));
    const fresh = new Set(texts.map((each) => keys.get(each)));
    for (const rule of found.violations) for (const each of rule.nodes) delete each.element;
    return {
        violations: found.violations,
        right: [...fresh].filter((each) => !doubtful.has(each)).join(" "),
    };
}"""

_SHAPE = """() => {
    const words = new Set([
        "alt", "aria-label", "aria-roledescription", "aria-valuetext", "content", "dir", "label",
        "lang", "placeholder", "title", "value",
    ]);
    const parts = [];
    const visit = (element) => {
        parts.push("<", element.localName);
        for (const {name, value} of element.attributes) {
            if (name === "aria-current") continue;  // of languages, another one's
            parts.push(` ${name}=`, words.has(name) ? value.trim() !== "" : value);
        }
        parts.push(element.checkVisibility() ? ">" : " hidden>");
        for (const each of element.childNodes) {
            if (each.nodeType === 1) visit(each);
            else if (each.nodeType === 3 && each.data.trim()) parts.push("#");
        }
        parts.push("</>");
    };
    visit(document.documentElement);
    return parts.join("");
}"""

# A tenth of a pixel more than the rule asks for, since that rounds.  At the end of the page, where
# axe-core looks (tests/web/browsing.py).
_HAS_ROOM = """() => {
    const kinds = [
        "a[href]", "area[href]", "button", "input", "select", "textarea", "summary", "iframe",
        "object", "[role][tabindex]", "[contenteditable]",
    ];
    const meet = (one, other) =>
        one.left < other.right && other.left < one.right &&
        one.top < other.bottom && other.top < one.bottom;
    const isNear = (small, other) =>
        Math.hypot(
            Math.max(other.left - small.x, small.x - other.right, 0),
            Math.max(other.top - small.y, small.y - other.bottom, 0),
        ) < 12.1 || (other.small && Math.hypot(other.x - small.x, other.y - small.y) < 24.1);
    const boxOf = (element) => {
        const {left, right, top, bottom, width, height} = element.getBoundingClientRect();
        const small = !(width >= 24.1 && height >= 24.1);
        return {element, left, right, top, bottom, x: left + width / 2, y: top + height / 2, small};
    };
    scrollTo(0, document.documentElement.scrollHeight);
    const targets = [...document.querySelectorAll(kinds.join())]
        .filter((each) => each.checkVisibility() && each.type !== "hidden").map(boxOf)
        .sort((one, other) => one.top - other.top);
    const areApart = targets.every((one, at) => {
        for (let next = at + 1; next < targets.length; next++) {
            const other = targets[next];
            if (other.top > one.bottom + 25) break;
            if (meet(one, other)) return false;
            if ((one.small && isNear(one, other)) || (other.small && isNear(other, one))) {
                return false;
            }
        }
        return true;
    });
    const small = areApart ? targets.filter((each) => each.small) : [];
    const all = small.length ? [...document.body.querySelectorAll("*")].map(boxOf) : [];
    const isCovered = (one) => all.some((each) => meet(one, each) &&
        !each.element.contains(one.element) && !one.element.contains(each.element));
    const found = areApart && small.every(
        (one) => one.element.getClientRects().length === 1 && !isCovered(one)
    );
    scrollTo(0, 0);
    return found;
}"""

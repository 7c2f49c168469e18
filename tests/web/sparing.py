"""Judge a page by axe-core without judging the same thing twice.

Most of what axe-core does depends on little of a page.  Whether a text can be read depends on
colours and sizes, which most texts of a house share; most other rules depend on elements and their
attributes, which a page has in every language.  What a rule depends on is read from the page, so
that whatever differs is judged.
"""

from __future__ import annotations

from copdns.words.phrases import LANGUAGES
from tests.web.browsing import COLOURS, Device, ask_axe, lines_of, violations

SIZE = "target-size"


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


class Shapes:
    """The shapes of pages that axe-core found right by all rules, but for colours."""

    def __init__(self) -> None:
        self._right: set[str] = set()

    def violations(self, device: Device) -> list[str]:
        """Return what axe-core finds wrong with the page, but for colours; where a page of its
        shape was right, by the rules for which words and places decide, if any could."""
        seen = device.measure(_SEEN, [*LANGUAGES])  # in one go
        if seen["shape"] in self._right:
            doubts = [*seen["doubts"]]
            return violations(device, only=doubts) if doubts else []
        found = violations(device, without=COLOURS)
        if not found:
            self._right.add(seen["shape"])
        return found


def shape(device: Device) -> str:
    """Return all of a page that axe-core's rules look at, but for words, colours and places:
    elements with their attributes, which of them are to be seen, and where some text stands."""
    return str(device.measure(_SHAPE))


def in_doubt(device: Device) -> list[str]:
    """Return axe-core's rules that could find something wrong with a page though another one of its
    shape was right: they depend on what words say, and on the place that they take.

    All others depend on the shape; that a name is missing is to be seen in it, too.
    """
    return [*device.measure(_SEEN, [*LANGUAGES])["doubts"]]


def has_room(device: Device) -> bool:
    """Tell whether "target-size" (WCAG 2.2, 2.5.8) has nothing to find on the page: each target is
    24 pixels wide and high and meets no other one, or it is smaller, in one line, covered by
    nothing, and 24 pixels around its middle meet no other one.  Of any other page axe-core has to
    be asked, which knows more that is right."""
    return bool(device.measure(_HAS_ROOM))


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

# A span that only gives words a look, and what breaks a line, are no more than text for axe-core;
# nor does it look at how a picture is drawn.
_SHAPE = """() => {
    const words = new Set([
        "alt", "aria-label", "aria-roledescription", "aria-valuetext", "content", "dir", "label",
        "lang", "placeholder", "title", "value",
    ]);
    const looks = new Set(["class", "dir", "lang"]);
    const parts = [];
    const isText = (element) => ["br", "wbr"].includes(element.localName) ||
        (element.localName === "span" && element.checkVisibility() &&
            [...element.attributes].every((each) => looks.has(each.name)));
    const inside = (element) => {
        for (const each of element.childNodes) {
            if (each.nodeType === 1) visit(each);
            else if (each.nodeType === 3 && each.data.trim() && parts.at(-1) !== "#") {
                parts.push("#");
            }
        }
    };
    const visit = (element) => {
        if (isText(element)) return inside(element);
        parts.push("<", element.localName);
        for (const {name, value} of element.attributes) {
            if (name === "aria-current") continue;  // of languages, another one's
            if (name === "d" && element.localName === "path") continue;
            parts.push(` ${name}=`, words.has(name) ? value.trim() !== "" : value);
        }
        parts.push(element.checkVisibility() ? ">" : " hidden>");
        inside(element);
        parts.push("</>");
    };
    visit(document.documentElement);
    return parts.join("");
}"""

# Each rule with what has to be on a page for it to find something.  Landmarks are of one name as
# axe-core compares them, or more often.
_IN_DOUBT = """(languages) => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const isKnown = (each) => languages.includes(each.lang.split("-")[0]);
    const roles = {
        aside: "complementary", footer: "contentinfo", form: "form", header: "banner",
        main: "main", nav: "navigation", search: "search", section: "region",
    };
    const wordsOf = (each) => (each?.innerText ?? "").replace(/\\s+/g, " ").trim().toLowerCase();
    const nameOf = (each) => (each.getAttribute("aria-labelledby") ?? "").split(/\\s+/)
        .map((id) => wordsOf(document.getElementById(id))).join(" ").trim() ||
        (each.getAttribute("aria-label") ?? each.getAttribute("title") ?? "").trim().toLowerCase();
    const landmarks = all([...Object.keys(roles), "[role]"].join())
        .map((each) => [each.getAttribute("role") ?? roles[each.localName], nameOf(each)])
        .filter(([role, name]) => Object.values(roles).includes(role) &&
            (name || (role !== "region" && role !== "form"))).map(String);
    const scrolls = (each) =>
        (each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight) &&
        /auto|scroll/.test(getComputedStyle(each).overflow);
    const doubts = {
        "html-lang-valid": !isKnown(document.documentElement),
        "valid-lang": !all("[lang]").every(isKnown),
        "html-xml-lang-mismatch": document.documentElement.hasAttribute("xml:lang"),
        "landmark-unique": new Set(landmarks).size < landmarks.length,
        "frame-title-unique": all("iframe, frame").length,
        "image-alt": all("[alt]").some((each) => each.alt && !each.alt.trim()),
        "image-redundant-alt": all("img[alt]").some((each) => each.alt.trim()),
        "table-duplicate-name": all("table[summary]").length,
        "scrollable-region-focusable": all("body *").some(scrolls),
    };
    return Object.keys(doubts).filter((rule) => doubts[rule]);
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

_SEEN = f"""(languages) => ({{
    shape: ({_SHAPE})(),
    doubts: [...({_IN_DOUBT})(languages), ...(({_HAS_ROOM})() ? [] : ["{SIZE}"])],
}})"""

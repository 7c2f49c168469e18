"""Names for people: U-labels, and a mark on what may imitate another site."""

from __future__ import annotations

import pytest

from copdns.model.names import normalize
from copdns.model.scripts import may_imitate, shown_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("xn--bcher-kva.example", "bücher.example"),
        ("=xn--bcher-kva.example", "=bücher.example"),
        ("*.xn--bcher-kva.example", "*.bücher.example"),
        ("||xn--bcher-kva.example", "||bücher.example"),
        ("www.example", "www.example"),
        ("xn--!.example", "xn--!.example"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("", ""),
    ],
)
def test_people_read_letters_and_not_their_code(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@pytest.mark.parametrize(
    "written",
    [
        "аpple.example",  # the first letter is Cyrillic
        "раураl.example",  # the last one is Latin
        "www.gооgle.example",  # two are Cyrillic
        "αpple.example",  # Greek
        "аррӏе.example",  # all Cyrillic, and none looks so
        "хуо.example",
        "хуо.παράδειγμα",  # below a domain of a third script
        "аーメン.example",  # the first letter is Cyrillic
    ],
)
def test_what_may_imitate_another_site_is_marked(written: str) -> None:
    assert may_imitate(normalize(written))


@pytest.mark.parametrize(
    "written",
    [
        "apple.example",
        "bücher.example",
        "école.example",
        "пример.example",  # Russian, in a Latin domain: each part is of one script
        "детский-телефон.example",
        "кот.example",  # short, and no Latin letter looks like the last one
        "том.example",
        "метро.example",
        "сова.рф",
        "сор.рф",  # all look like Latin letters, but nothing there is Latin
        "оса.сор.мон",
        "παράδειγμα.example",
        "مثال.example",
        "例え.example",  # two scripts of one language
        "ドメイン名例.example",
        "ラーメン.example",  # with the mark of a long vowel
        "らーめん東京.example",
        "中文abc.example",
        "한국어.example",
        "xn--!.example",
        "",
    ],
)
def test_an_honest_name_is_not(written: str) -> None:
    assert not may_imitate(written if written.startswith("xn--") else normalize(written))

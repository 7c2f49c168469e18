"""How other programs call the services, categories, search engines, tags and lists known here.

What is not in a table has no counterpart.  Pure.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from copdns.model.household import DeviceKind

# Ids of AdGuard Home and of NextDNS; what both call as copdns does is in `services` already.
_SERVICES: Final = {
    "4chan": "fourchan",
    "9gag": "ninegag",
    "activision_blizzard": "activision",
    "amazon_streaming": "primevideo",
    "apple_streaming": "apple_tv_music",
    "blizzard": "battle_net",
    "blizzard_entertainment": "battle_net",
    "electronic_arts": "ea",
    "epic_games": "fortnite_epic",
    "fortnite": "fortnite_epic",
    "leagueoflegends": "riot_games",
    "valorant": "riot_games",
    "max": "hbomax",
    "origin": "ea",
    "peacock_tv": "peacock",
    "playstation_network": "playstation",
    "plutotv": "pluto_tv",
    "rockstar_games": "rockstar",
    "twitter": "x_twitter",
    "xboxlive": "xbox",
    "bigo": "bigo_live",
}

_CATEGORIES: Final = {
    "porn": "adult",
    "gambling": "gambling",
    "dating": "dating",
    "piracy": "piracy",
    "social_networks": "social",
    "gaming": "games",
    "online_gaming": "games",
    "drugs": "drugs",
}

_ENGINES: Final = ("bing", "duckduckgo", "ecosia", "google", "pixabay", "yandex", "youtube")

# Tags of AdGuard Home for clients.
CHILD_TAG: Final = "user_child"
KINDS: Final = {
    "device_audio": DeviceKind.SPEAKER,
    "device_gameconsole": DeviceKind.CONSOLE,
    "device_laptop": DeviceKind.COMPUTER,
    "device_pc": DeviceKind.COMPUTER,
    "device_phone": DeviceKind.PHONE,
    "device_tablet": DeviceKind.TABLET,
    "device_tv": DeviceKind.TELEVISION,
}


def service_of(other: str) -> str:
    """Return what a service is called here, if it is there: the id itself, where both agree."""
    plain = other.strip().lower().replace("-", "_")
    return _SERVICES.get(plain, plain)


def category_of(other: str) -> str:
    """Return what a category is called here; "" where there is none."""
    return _CATEGORIES.get(other.strip().lower().replace("-", "_"), "")


def engine_of(other: str) -> str:
    """Return what a search engine is called here; "" where there is none."""
    return other if other in _ENGINES else ""


# How addresses begin, without a scheme, at which lists of the catalogue are offered in other forms.
_LISTS: Final = (
    ("adguardteam.github.io/adguardsdnsfilter/filters/filter.txt", "adguard-dns"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_1.txt", "adguard-dns"),
    ("filters.adtidy.org/android/filters/15_optimized.txt", "adguard-dns"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_24.txt", "1hosts-lite"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_5.txt", "oisd-small"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_33.txt", "stevenblack"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_11.txt", "urlhaus"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_18.txt", "phishing-army"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_30.txt", "phishing-filter"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_31.txt", "stalkerware"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_34.txt", "hagezi-multi"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_46.txt", "hagezi-anti-piracy"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_47.txt", "hagezi-gambling"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_52.txt", "hagezi-bypass"),
    ("adguardteam.github.io/hostlistsregistry/assets/filter_57.txt", "shadowwhisperer-dating"),
    ("raw.githubusercontent.com/stevenblack/hosts/master/hosts", "stevenblack"),
    ("sbc.io/hosts/hosts", "stevenblack"),
    ("small.oisd.nl", "oisd-small"),
    ("abp.oisd.nl/basic", "oisd-small"),
    ("nsfw-small.oisd.nl", "oisd-nsfw-small"),
    ("nsfw.oisd.nl", "oisd-nsfw"),
    ("urlhaus.abuse.ch/downloads/hostfile", "urlhaus"),
    ("malware-filter.gitlab.io/malware-filter/urlhaus-filter", "urlhaus"),
    ("malware-filter.gitlab.io/malware-filter/phishing-filter", "phishing-filter"),
    ("phishing.army/download/phishing_army_blocklist", "phishing-army"),
    ("threatfox.abuse.ch/downloads/hostfile", "threatfox"),
    ("cdn.jsdelivr.net/gh/badmojr/1hosts@master/lite", "1hosts-lite"),
    ("raw.githubusercontent.com/badmojr/1hosts/master/lite", "1hosts-lite"),
    ("badmojr.github.io/1hosts/lite", "1hosts-lite"),
)
# Lists of one maintainer whose files differ by folder and ending alone.
_HAGEZI: Final = {
    "light": "hagezi-light",
    "multi": "hagezi-multi",
    "fake": "hagezi-fake",
    "tif.medium": "hagezi-tif-medium",
    "tif.mini": "hagezi-tif-mini",
    "gambling": "hagezi-gambling",
    "gambling.medium": "hagezi-gambling-medium",
    "gambling.mini": "hagezi-gambling-mini",
    "anti.piracy": "hagezi-anti-piracy",
    "doh-vpn-proxy-bypass": "hagezi-bypass",
    "social": "hagezi-social",
    "nsfw": "hagezi-nsfw",
}


def list_at(url: str) -> str:
    """Return the slug of the catalogue's list that is offered at an address; "" for none known."""
    try:
        parts = urlsplit(url.strip().lower())
        where = f"{parts.hostname or ''}{parts.path}".rstrip("/")
    except ValueError:
        return ""
    if "hagezi/dns-blocklists" in where:
        file = where.rpartition("/")[2].rpartition(".")[0].removesuffix("-onlydomains")
        return _HAGEZI.get(file, "")
    return next((slug for part, slug in _LISTS if where.startswith(part)), "")

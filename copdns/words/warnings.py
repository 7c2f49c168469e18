"""What is not as it should be, in a reader's language.

The lines of readiness and warnings are English for monitoring, the API and the log; here they are
known again by their form.  Pure.

What a system or a library said stands in them as it came.
"""

from __future__ import annotations

from copdns.model.sentences import Sentence, Value, sentence
from copdns.words.known_forms import Forms

_FORMS = Forms(
    sentence("no upstream is known: see upstreams.servers"),
    sentence("no upstream answers"),
    sentence(
        "household.db was moved or replaced; start copdns again to follow the one there is now"
    ),
    sentence("what happens is not kept: %(why)s"),
    sentence(
        "the disk of household.db takes no writing: answering goes on by what stands there; "
        "nothing can be changed or kept until that is mended (%(why)s)"
    ),
    sentence(
        "the disk takes no writing, and no household is stored there: answering goes on by what "
        "the setting household gives, or else by the rules of guests; nothing can be changed or "
        "kept until that is mended (%(why)s)"
    ),
    sentence("lists are being compiled; until that is done, those of before are in force"),
    sentence("%(why)s; it is tried again"),
    sentence("not protecting fully yet: %(lists)s"),
    sentence(
        "all questions come from one address, as in a container whose network hides the devices: "
        "give the container the network of the host (--network host)"
    ),
    sentence(
        "all questions come from one network card, as behind a repeater or router: its MAC address "
        "tells no devices apart, so name them by their addresses; or %(remedy)s"
    ),
    sentence("all questions come from this machine itself: %(remedy)s"),
    sentence("all questions come from one address: if there are more devices, %(remedy)s"),
    sentence("%(place)s (web): %(why)s; see web.listen and web.port"),
    sentence("%(place)s (HTTPS): %(why)s; see web.tls_port"),
)

# What stands in one of them.
_PARTS = Forms(
    sentence("%(some)s of %(all)s lists is not here yet (%(which)s)"),
    sentence("%(some)s of %(all)s lists are not here yet (%(which)s)"),
    sentence("%(some)s of %(all)s lists is here and yet to be compiled (%(which)s)"),
    sentence("%(some)s of %(all)s lists are here and yet to be compiled (%(which)s)"),
    sentence(
        "let the router's DHCP give out this machine's address as DNS server, or, where another "
        "resolver has to stand before this one, let that say who asks (dns.forwarders)"
    ),
)


def trouble(line: str) -> Sentence:
    """Return a line as a sentence of the catalogue; one of no known form as it is."""
    return _FORMS.find(line, _value) or Sentence("%(line)s", {"line": line})


def _value(name: str, text: str) -> Value:
    if name == "lists":
        one, _, other = text.partition("; ")
        both = {"one": _part(one), "other": _part(other)}
        return Sentence("%(one)s; %(other)s", both) if other else both["one"]
    return _part(text) if name == "remedy" else text


def _part(text: str) -> Value:
    return _PARTS.find(text, lambda _, value: int(value) if value.isdecimal() else value) or text

"""What is not as it should be, in a reader's language.

The lines of readiness and warnings are English for monitoring, the API and the log; here they are
known again by their form.  Pure.

What a system or a library said stands in them as it came.
"""

from __future__ import annotations

from copdns.model.sentences import Sentence, Value, sentence
from copdns.words.known_forms import Forms

# As the version before wrote it: what a check found is kept.
_FORMER = {"not protecting fully yet: %(lists)s": "not fully protected yet: %(lists)s"}

_FORMS = Forms(
    sentence("no DNS server is set; add one to upstreams.servers"),
    sentence("no DNS server answers"),
    sentence(
        "household.db is damaged (%(damage)s): copdns works with its copy, in which everything "
        "that was saved is; a guardian can make the new file on the dashboard, or with copdns "
        "household repair"
    ),
    sentence(
        "household.db is damaged (%(damage)s) and has no copy: everyone has the guest rules, and "
        "nothing can be changed or recorded until a backup is restored"
    ),
    sentence("nothing can be recorded: %(why)s"),
    sentence(
        "household.db cannot be written: copdns keeps answering with the stored household, but "
        "nothing can be changed or recorded until this is fixed (%(why)s)"
    ),
    sentence(
        "the disk cannot be written and contains no household: copdns keeps answering with the "
        "file in the setting household, or with guest rules, but nothing can be changed or "
        "recorded until this is fixed (%(why)s)"
    ),
    sentence("lists are being prepared; until they are ready, the previous ones stay active"),
    sentence("the compiled lists were damaged on disk, so they are compiled again"),
    sentence("the backup of the household could not be made: %(why)s"),
    sentence(
        "safe search does not work for %(engines)s, because the DNS servers do not know the safe "
        "host; use other DNS servers, or turn safe search off for it"
    ),
    sentence(
        "help sites that would be blocked for someone, although nothing may block them: %(count)s; "
        "restart copdns, and if this stays, report it"
    ),
    sentence("%(why)s; copdns will try again"),
    sentence(
        "the newer facts about protected sites and helplines are damaged on disk, so those that "
        "come with copdns are used"
    ),
    sentence("newer facts about protected sites and helplines were refused: %(why)s"),
    sentence("the facts about protected sites and helplines were not renewed for %(days)s days"),
    sentence("not fully protected yet: %(lists)s"),
    sentence(
        "the file of your own lists is damaged: those that were active stay active until copdns "
        "restarts, and then block nothing; restore a backup"
    ),
    sentence(
        "an app cannot be blocked by its name, because you have a list of that name (%(apps)s): "
        "remove the list if you want the app instead"
    ),
    sentence(
        "all queries come from one address, as in a container whose network hides the devices; "
        "use the host's network for the container (--network host)"
    ),
    sentence(
        "all queries come from one network card, as behind a repeater or router: its MAC address "
        "does not tell devices apart, so add them by IP address; or %(remedy)s"
    ),
    sentence("all queries come from this machine itself: %(remedy)s"),
    sentence("all queries come from one address: if there are more devices, %(remedy)s"),
    sentence(
        "this machine's clock is certainly wrong, so time rules cannot work as they should; set "
        "it, or wait until a time service does"
    ),
    sentence(
        "the database of your provider was brought back from a backup or a copy: what was changed "
        "between that and %(when)s (UTC) may be as it was before; look at rules, times, people and "
        "devices"
    ),
    sentence("%(place)s (web): %(why)s; see web.listen and web.port"),
    sentence("%(place)s (HTTPS): %(why)s; see web.tls_port"),
    sentence("%(place)s (DNS over TLS): %(why)s; see encrypted.tls_port"),
    sentence("%(place)s (DNS over HTTPS): %(why)s; see encrypted.https_port"),
    sentence("%(place)s (DNS over QUIC): %(why)s; see encrypted.quic_port"),
    former=_FORMER,
)

# What stands in one of them.
_FORMER_PARTS = {
    "%(some)s of %(all)s lists is not here yet (%(which)s)": (
        "%(some)s of %(all)s lists is not downloaded yet (%(which)s)"
    ),
    "%(some)s of %(all)s lists are not here yet (%(which)s)": (
        "%(some)s of %(all)s lists are not downloaded yet (%(which)s)"
    ),
    "%(some)s of %(all)s lists is here and yet to be compiled (%(which)s)": (
        "%(some)s of %(all)s lists is downloaded but not ready yet (%(which)s)"
    ),
    "%(some)s of %(all)s lists are here and yet to be compiled (%(which)s)": (
        "%(some)s of %(all)s lists are downloaded but not ready yet (%(which)s)"
    ),
}

_DAMAGES = Forms(
    sentence("it is missing"),
    sentence("it is empty"),
    sentence("it cannot be read: %(why)s"),
    sentence("it is of another household"),
    sentence("it is older than what was saved last"),
    sentence("it differs from what was saved last"),
)

_PARTS = Forms(
    sentence("%(some)s of %(all)s lists is not downloaded yet (%(which)s)"),
    sentence("%(some)s of %(all)s lists are not downloaded yet (%(which)s)"),
    sentence("%(some)s of %(all)s lists is downloaded but not ready yet (%(which)s)"),
    sentence("%(some)s of %(all)s lists are downloaded but not ready yet (%(which)s)"),
    sentence(
        "set the router's DHCP to give out this machine's address as the DNS server, or, if "
        "another DNS server must forward to this one, make it pass on each device's address "
        "(dns.forwarders)"
    ),
    former=_FORMER_PARTS,
)


def trouble(line: str) -> Sentence:
    """Return a line as a sentence of the catalogue; one of no known form as it is."""
    return _FORMS.find(line, _value) or Sentence("%(line)s", {"line": line})


def _value(name: str, text: str) -> Value:
    if name == "lists":
        one, _, other = text.partition("; ")
        both = {"one": _part(one), "other": _part(other)}
        return Sentence("%(one)s; %(other)s", both) if other else both["one"]
    if name == "damage":
        return _DAMAGES.find(text, lambda _, value: value) or text
    return _part(text) if name == "remedy" else text


def _part(text: str) -> Value:
    return _PARTS.find(text, lambda _, value: int(value) if value.isdecimal() else value) or text

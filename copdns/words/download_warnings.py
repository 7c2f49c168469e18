"""Why a list could not be fetched or read, in a reader's language.

What is kept beside a copy is English for the command line, the API and the log; here it is known
again by its form.  Pure.

What a system or a library said stands in it as it came.
"""

from __future__ import annotations

from copdns.model.sentences import Sentence, Value, sentence
from copdns.words.known_forms import Forms

_FORMS = Forms(
    # Where it should come from.
    sentence("it is no address; write https://lists.example/list.txt"),
    sentence("%(scheme)s: is not fetched; give an address with https://"),
    sentence("a name or password in an address would stand in logs; leave it out"),
    sentence("the server sends us on without saying where to; tell its maintainer"),
    sentence("the server sends us on to what is no address; tell its maintainer"),
    sentence(
        "the server sends us from https to %(host)s without encryption; anyone between could "
        "change the list; give an address that stays with https"
    ),
    sentence("the server sends us on to where we do not go (%(why)s)"),
    sentence(
        "the server sends us on more than %(times)s times; open the address in a browser, and use "
        "the one where that ends"
    ),
    # What the server said.
    sentence("the server has no such file any more (%(status)s); see where the list moved to"),
    sentence("the server does not give it to us (%(status)s); open its address in a browser"),
    sentence("the server is asked too often (429); it is tried again later"),
    sentence("the server has trouble of its own (%(status)s); it is tried again later"),
    sentence("the server answered with status %(status)s in place of the list; check its address"),
    # On the way.
    sentence("%(why)s; it is tried again later"),
    sentence("%(host)s was silent for too long (%(seconds)s s); it is tried again later"),
    sentence("it was not here after %(seconds)s s; it is tried again later"),
    sentence("the name %(host)s was not found; is this machine online?"),
    sentence("%(host)s has no certificate that this machine trusts; is its clock right?"),
    sentence("%(host)s cannot be reached (%(said)s)"),
    sentence("%(host)s ended the connection"),
    sentence("%(host)s does not speak HTTP as it should (%(said)s)"),
    sentence("it was cut off on the way"),
    sentence("it was cut off on the way (gzip ends too early)"),
    sentence("it was damaged on the way (broken gzip)"),
    sentence("it is packed with %(packing)s, though only gzip was asked for"),
    sentence("it is larger than %(size)s MiB; no list is"),
    sentence("unpacked it is larger than %(size)s MiB; no list needs that"),
    # What came.
    sentence("this is %(what)s, not a list; give the address of the list as text or gzip"),
    sentence("a picture (PNG)"),
    sentence("a picture (JPEG)"),
    sentence("a picture (GIF)"),
    sentence("a PDF"),
    sentence("a ZIP archive"),
    sentence("a 7z archive"),
    sentence("packed with xz"),
    sentence("packed with zstd"),
    sentence("packed with bzip2"),
    sentence("a program"),
    sentence(
        "this is a web page, not a list; the network may ask for a log-in first, or the list may "
        "have moved"
    ),
    sentence("this is a web page, not a list; give the address of the list itself"),
    sentence("this is a tar archive; name the file to take out of it (member)"),
    sentence("this is no text; give the address of the list as text or gzip"),
    sentence("this is no text; unpack it, or save it as UTF-8"),
    sentence(
        "this is a list of pages (%(pages)s of %(lines)s lines have a path); only whole names can "
        "be blocked, and a page must not take its site with it; use the list's names"
    ),
    sentence("it holds no name that can be used; check its address and its format"),
    sentence("only %(names)s of %(lines)s lines can be used; check its format"),
    sentence(
        "it has only %(names)s names where it had %(had)s; look at it, and if that is meant: "
        "copdns lists update --smaller SLUG"
    ),
    sentence("%(member)s is no plain file in the archive; see what it holds now"),
    sentence("the archive has no %(member)s (it holds %(names)s); see `member`"),
    sentence("the archive has no %(member)s (it holds nothing); see `member`"),
    sentence("this is no tar archive; leave out `member`"),
    sentence("the archive is damaged, or was cut off on the way"),
    sentence("the archive was cut off on the way"),
    # This machine.
    sentence("it could not be read within %(seconds)s s; it is left alone"),
    sentence("reading it ended with %(code)s, maybe for want of memory; see sources.max_names"),
    sentence("it is too large for the memory of this machine; see sources.max_names"),
    sentence("it could not be written: %(said)s; make room on the disk of the data"),
    sentence("the copy could not be written (%(said)s)"),
    sentence("%(what)s; make room on the disk of %(folder)s"),
    sentence("%(what)s; mount the disk of %(folder)s for writing"),
    sentence("%(what)s; let %(folder)s and what is in it belong to the user of copdns"),
    # Among the others.
    sentence("it is being compiled"),
    sentence("another list is called %(slug)s already; give this one another slug"),
    sentence("%(category)s is a service; give this list a category of another name"),
    sentence("%(path)s: a folder, pipe or device, where a file is needed"),
    sentence("%(path)s: larger than %(size)s MiB"),
)


def failure(line: str) -> Sentence:
    """Return why a list is not here or not in force; a line of no known form as it is."""
    return _FORMS.find(line, _value) or Sentence("%(line)s", {"line": line})


def _value(name: str, text: str) -> Value:
    if name in ("what", "why"):
        return failure(text)
    return int(text) if text.isdecimal() else text

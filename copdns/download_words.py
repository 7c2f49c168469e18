"""Why a list could not be fetched or read, in a reader's language.

What is kept beside a copy is English for the command line, the API and the log; here it is known
again by its form.  Pure.

What a system or a library said stands in it as it came.
"""

from __future__ import annotations

from copdns.known_forms import Forms
from copdns.sentences import Sentence, Value, sentence

_FORMS = Forms(
    # Where it should come from.
    sentence("this is not a valid address; write one such as https://lists.example/list.txt"),
    sentence("%(scheme)s addresses are not supported; use an address with https://"),
    sentence(
        "leave the username and password out of the address, because they would appear in logs"
    ),
    sentence("the server redirects without saying where to; tell the list's maintainer"),
    sentence(
        "the server redirects to something that is not an address; tell the list's maintainer"
    ),
    sentence(
        "the server redirects from https to %(host)s without encryption, so others could change "
        "the list on the way; use an address that stays on https"
    ),
    sentence(
        "the server redirects to an address that is not allowed (%(why)s); tell the list's "
        "maintainer"
    ),
    sentence(
        "the server redirects more than %(times)s times; open the address in a browser, and use "
        "the address you end up at"
    ),
    # What the server said.
    sentence(
        "the server no longer has this file (%(status)s); find out where the list has moved to"
    ),
    sentence(
        "the server refused the download (%(status)s); open the address in a browser to see why"
    ),
    sentence("the server gets too many requests (429); copdns will try again later"),
    sentence("the server has a problem (%(status)s); copdns will try again later"),
    sentence("the server answered with status %(status)s instead of the list; check the address"),
    # On the way.
    sentence("%(why)s; copdns will try again later"),
    sentence("%(host)s did not send anything for %(seconds)s s; copdns will try again later"),
    sentence("the download took longer than %(seconds)s s; copdns will try again later"),
    sentence("%(host)s was not found; check that this machine is online"),
    sentence(
        "this machine does not trust the certificate of %(host)s; check that its clock is right"
    ),
    sentence("%(host)s cannot be reached (%(said)s)"),
    sentence("%(host)s closed the connection"),
    sentence("the HTTP answer of %(host)s is not valid (%(said)s)"),
    sentence("the download was cut off"),
    sentence("the download was cut off (gzip ends too early)"),
    sentence("the download was damaged (broken gzip)"),
    sentence(
        "the download is compressed with %(packing)s, though copdns asked for gzip only; tell "
        "the list's maintainer"
    ),
    sentence(
        "the download is larger than %(size)s MiB, which is too large for a list; check the address"
    ),
    sentence(
        "the unpacked file is larger than %(size)s MiB, which is too large for a list; check the "
        "address"
    ),
    # What came.
    sentence("this is %(what)s, not a list; use the address of the list as text or gzip"),
    sentence("a picture (PNG)"),
    sentence("a picture (JPEG)"),
    sentence("a picture (GIF)"),
    sentence("a PDF"),
    sentence("a ZIP archive"),
    sentence("a 7z archive"),
    sentence("a file compressed with xz"),
    sentence("a file compressed with zstd"),
    sentence("a file compressed with bzip2"),
    sentence("a program"),
    sentence(
        "this is a web page, not a list; your network may ask you to log in first, or the list "
        "may have moved"
    ),
    sentence("this is a web page, not a list; use the address of the list itself"),
    sentence("this is a tar archive; name the file to use from it (member)"),
    sentence("this is not text; use the address of the list as text or gzip"),
    sentence("this is not text; unpack it, or save it as UTF-8"),
    sentence(
        "this is a list of pages (%(pages)s of %(lines)s lines have a path), but copdns can only "
        "block whole sites; use the list of domains, if the maintainer offers one"
    ),
    sentence("the file holds no usable domains; check the address and the format"),
    sentence("only %(names)s of %(lines)s lines are usable; check the format"),
    sentence(
        "the new copy has only %(names)s domains, the old one %(had)s; check it, and if that is "
        "right, run copdns lists update --smaller SLUG"
    ),
    sentence("%(member)s is not a regular file in the archive; check what the archive holds"),
    sentence("the archive has no %(member)s (it holds %(names)s); correct `member`"),
    sentence("the archive has no %(member)s (it is empty); check the address"),
    sentence("this is not a tar archive; leave out `member`"),
    sentence("the archive is damaged or was cut off"),
    sentence("the archive was cut off"),
    # This machine.
    sentence(
        "reading the list took longer than %(seconds)s s, so it was skipped; use a smaller list"
    ),
    sentence(
        "reading the list ended with %(code)s, possibly because memory ran out; see "
        "sources.max_names"
    ),
    sentence("the list is too large for this machine's memory; see sources.max_names"),
    sentence(
        "the list could not be saved: %(said)s; free some space on the disk of the data folder"
    ),
    sentence("the copy could not be saved (%(said)s)"),
    sentence("%(what)s; free some space on the disk of %(folder)s"),
    sentence("%(what)s; mount the disk of %(folder)s so that it can be written"),
    sentence(
        "%(what)s; make the user that runs copdns the owner of %(folder)s and everything in it"
    ),
    # Among the others.
    sentence("the list is being prepared"),
    sentence("another list is already called %(slug)s; give this one another slug"),
    sentence("%(category)s is the name of a service; choose another category for this list"),
    sentence("%(path)s: this is a folder, pipe or device; name a file"),
    sentence("%(path)s: larger than %(size)s MiB"),
)


def failure(line: str) -> Sentence:
    """Return why a list is not here or not in force; a line of no known form as it is."""
    return _FORMS.find(line, _value) or Sentence("%(line)s", {"line": line})


def _value(name: str, text: str) -> Value:
    if name in ("what", "why"):
        return failure(text)
    return int(text) if text.isdecimal() else text

"""Why a list could not be fetched or read, in a reader's language.

What is kept beside a copy is English for the command line, the API and the log; here it is known
again by its form.  Pure.

What a system or a library said stands in it as it came.
"""

from __future__ import annotations

from copdns.model.sentences import Sentence, Value, sentence
from copdns.words.known_forms import Forms

# As the version before wrote them: they are kept beside copies.
_FORMER = {
    "it is no address; write https://lists.example/list.txt": (
        "this is not a valid address; write one such as https://lists.example/list.txt"
    ),
    "%(scheme)s: is not fetched; give an address with https://": (
        "%(scheme)s addresses are not supported; use an address with https://"
    ),
    "a name or password in an address would stand in logs; leave it out": (
        "leave the username and password out of the address, because they would appear in logs"
    ),
    "the server sends us on without saying where to; tell its maintainer": (
        "the server redirects without saying where to; tell the list's maintainer"
    ),
    "the server sends us on to what is no address; tell its maintainer": (
        "the server redirects to something that is not an address; tell the list's maintainer"
    ),
    (
        "the server sends us from https to %(host)s without encryption; anyone between could "
        "change the list; give an address that stays with https"
    ): (
        "the server redirects from https to %(host)s without encryption, so others could change "
        "the list on the way; use an address that stays on https"
    ),
    "the server sends us on to where we do not go (%(why)s)": (
        "the server redirects to an address that is not allowed (%(why)s)"
    ),
    (
        "the server sends us on more than %(times)s times; open the address in a browser, and "
        "use the one where that ends"
    ): (
        "the server redirects more than %(times)s times; open the address in a browser, and use "
        "the address you end up at"
    ),
    "the server has no such file any more (%(status)s); see where the list moved to": (
        "the server no longer has this file (%(status)s); find out where the list has moved to"
    ),
    "the server does not give it to us (%(status)s); open its address in a browser": (
        "the server refused the download (%(status)s); open the address in a browser to see why"
    ),
    "the server is asked too often (429); it is tried again later": (
        "the server gets too many requests (429); copdns will try again later"
    ),
    "the server has trouble of its own (%(status)s); it is tried again later": (
        "the server has a problem (%(status)s); copdns will try again later"
    ),
    "the server answered with status %(status)s in place of the list; check its address": (
        "the server answered with status %(status)s instead of the list; check the address"
    ),
    "%(why)s; it is tried again later": "%(why)s; copdns will try again later",
    "%(host)s was silent for too long (%(seconds)s s); it is tried again later": (
        "%(host)s did not send anything for %(seconds)s s; copdns will try again later"
    ),
    "it was not here after %(seconds)s s; it is tried again later": (
        "the download took longer than %(seconds)s s; copdns will try again later"
    ),
    "the name %(host)s was not found; is this machine online?": (
        "%(host)s was not found; check that this machine is online"
    ),
    "%(host)s has no certificate that this machine trusts; is its clock right?": (
        "this machine does not trust the certificate of %(host)s; check that its clock is right"
    ),
    "%(host)s ended the connection": "%(host)s closed the connection",
    "%(host)s does not speak HTTP as it should (%(said)s)": (
        "the HTTP answer of %(host)s is not valid (%(said)s)"
    ),
    "it was cut off on the way": "the download was cut off",
    "it was cut off on the way (gzip ends too early)": (
        "the download was cut off (gzip ends too early)"
    ),
    "it was damaged on the way (broken gzip)": "the download was damaged (broken gzip)",
    "it is packed with %(packing)s, though only gzip was asked for": (
        "the download is compressed with %(packing)s, though copdns asked for gzip only; tell "
        "the list's maintainer"
    ),
    "it is larger than %(size)s MiB; no list is": (
        "the download is larger than %(size)s MiB, which is too large for a list; check the address"
    ),
    "unpacked it is larger than %(size)s MiB; no list needs that": (
        "the unpacked file is larger than %(size)s MiB, which is too large for a list; check the "
        "address"
    ),
    "this is %(what)s, not a list; give the address of the list as text or gzip": (
        "this is %(what)s, not a list; use the address of the list as text or gzip"
    ),
    "packed with xz": "a file compressed with xz",
    "packed with zstd": "a file compressed with zstd",
    "packed with bzip2": "a file compressed with bzip2",
    (
        "this is a web page, not a list; the network may ask for a log-in first, or the list "
        "may have moved"
    ): (
        "this is a web page, not a list; your network may ask you to log in first, or the list "
        "may have moved"
    ),
    "this is a web page, not a list; give the address of the list itself": (
        "this is a web page, not a list; use the address of the list itself"
    ),
    "this is a tar archive; name the file to take out of it (member)": (
        "this is a tar archive; name the file to use from it (member)"
    ),
    "this is no text; give the address of the list as text or gzip": (
        "this is not text; use the address of the list as text or gzip"
    ),
    "this is no text; unpack it, or save it as UTF-8": (
        "this is not text; unpack it, or save it as UTF-8"
    ),
    (
        "this is a list of pages (%(pages)s of %(lines)s lines have a path); only whole names "
        "can be blocked, and a page must not take its site with it; use the list's names"
    ): (
        "this is a list of pages (%(pages)s of %(lines)s lines have a path), but copdns can only "
        "block whole sites; use the list of domains, if the maintainer offers one"
    ),
    "it holds no name that can be used; check its address and its format": (
        "the file contains no usable domains; check the address and the format"
    ),
    "only %(names)s of %(lines)s lines can be used; check its format": (
        "only %(names)s of %(lines)s lines are usable; check the format"
    ),
    (
        "it has only %(names)s names where it had %(had)s; look at it, and if that is meant: "
        "copdns lists update --smaller SLUG"
    ): (
        "the new copy has only %(names)s domains, the old one %(had)s; check it, and if that is "
        "right, run copdns lists update --smaller SLUG"
    ),
    "%(member)s is no plain file in the archive; see what it holds now": (
        "%(member)s is not a regular file in the archive; check what the archive contains"
    ),
    "the archive has no %(member)s (it contains %(names)s); see `member`": (
        "the archive has no %(member)s (it contains %(names)s); correct `member`"
    ),
    "the archive has no %(member)s (it contains nothing); see `member`": (
        "the archive has no %(member)s (it contains nothing); correct `member`"
    ),
    "this is no tar archive; leave out `member`": "this is not a tar archive; leave out `member`",
    "the archive is damaged, or was cut off on the way": "the archive is damaged or was cut off",
    "the archive was cut off on the way": "the archive was cut off",
    "it could not be read within %(seconds)s s; it is left alone": (
        "reading the list took longer than %(seconds)s s, so it was skipped; use a smaller list"
    ),
    "reading it ended with %(code)s, maybe for want of memory; see sources.max_names": (
        "reading the list ended with %(code)s, possibly because memory ran out; see "
        "sources.max_names"
    ),
    "it is too large for the memory of this machine; see sources.max_names": (
        "the list is too large for this machine's memory; see sources.max_names"
    ),
    "it could not be written: %(said)s; make room on the disk of the data": (
        "the list could not be saved: %(said)s; free some space on the disk of the data folder"
    ),
    "the copy could not be written (%(said)s)": "the copy could not be saved (%(said)s)",
    "%(what)s; make room on the disk of %(folder)s": (
        "%(what)s; free some space on the disk of %(folder)s"
    ),
    "%(what)s; mount the disk of %(folder)s for writing": (
        "%(what)s; mount the disk of %(folder)s so that it can be written"
    ),
    "%(what)s; let %(folder)s and what is in it belong to the user of copdns": (
        "%(what)s; make the user that runs copdns the owner of %(folder)s and everything in it"
    ),
    "it is being compiled": "the list is being prepared",
    "another list is called %(slug)s already; give this one another slug": (
        "another list is already called %(slug)s; give this one another slug"
    ),
    "%(category)s is a service; give this list a category of another name": (
        "%(category)s is the name of a service; choose another category for this list"
    ),
    "%(path)s: a folder, pipe or device, where a file is needed": (
        "%(path)s: this is a folder, pipe or device; name a file"
    ),
    "%(path)s: larger than %(size)s MiB": (
        "%(path)s: this file is larger than %(size)s MiB; use a smaller one"
    ),
}

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
    sentence("the server redirects to an address that is not allowed (%(why)s)"),
    sentence(
        "the server redirects to %(host)s, which is this machine itself; tell the list's maintainer"
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
    sentence("the file contains no usable domains; check the address and the format"),
    sentence("only %(names)s of %(lines)s lines are usable; check the format"),
    sentence(
        "the new copy has only %(names)s domains, the old one %(had)s; check it, and if that is "
        "right, run copdns lists update --smaller SLUG"
    ),
    sentence("%(member)s is not a regular file in the archive; check what the archive contains"),
    sentence("the archive has no %(member)s (it contains %(names)s); correct `member`"),
    sentence("the archive has no %(member)s (it contains nothing); correct `member`"),
    sentence("this is not a tar archive; leave out `member`"),
    sentence("the archive is damaged or was cut off"),
    sentence("the archive was cut off"),
    sentence("%(path)s is damaged"),
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
    sentence(
        "no list opens what is listed as %(category)s; write an allow rule that says so "
        "(over_security) for each domain"
    ),
    sentence("%(path)s: this is a folder, pipe or device; name a file"),
    sentence("%(path)s: this file is larger than %(size)s MiB; use a smaller one"),
    former=_FORMER,
)


def failure(line: str) -> Sentence:
    """Return why a list is not here or not in force; a line of no known form as it is."""
    return _FORMS.find(line, _value) or Sentence("%(line)s", {"line": line})


def _value(name: str, text: str) -> Value:
    if name in ("what", "why"):
        return failure(text)
    return int(text) if text.isdecimal() else text

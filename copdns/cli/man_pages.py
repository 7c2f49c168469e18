r"""The manual pages: what every command says with --help, in the macros of man(7).

A page for copdns and one for each of its commands, with the subcommands of that one.  Written here
and not by click-man: that makes a page of each subcommand (145), cuts summaries off, and leaves
click's marks (\b) in the text.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from inspect import cleandoc
from textwrap import wrap

import click

_WIDTH = 78  # of a line of the source; mandoc finds longer ones bad
# What roff would take for its own, in text that is shown as it was written.
_LITERAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
_EXAMPLE = re.compile(r"(?:Example|Examples|Try):\s*")
# In prose: `code`, --option, and a WORD that may be an argument.
_MARKED = re.compile(r"`([^`]+)`|(?<![\w-])(--?[a-z][\w-]*)|\b([A-Z][A-Z_]+)\b")

_LAST_SECTIONS = r"""
.SH EXIT STATUS
.TP
0
Success.
.TP
1
Failure; the reason is on standard error.
.TP
2
Wrong command or options.
.TP
3, 4
Only of \fBcopdns check\fR and \fBcopdns query\fR: blocked or refused; answered
with the data of another domain.
.TP
78
An error in the settings or in a household file.
.SH ENVIRONMENT
.TP
\fBCOPDNS_\fISECTION\fB__\fISETTING\fR
Stands for a setting of the file, such as \fBCOPDNS_WEB__PORT\fR for
\fBweb.port\fR.
.SH FILES
.TP
.I /etc/copdns/copdns.yaml
The settings; \fBcopdns config schema\fR explains each.
.TP
.I /var/lib/copdns
The data: \fIhousehold.db\fR and \fIlog.db\fR.
For its owner only.
""".strip()


def man_pages(main: click.Group, name: str, version: str, made: date) -> Mapping[str, str]:
    """Return the pages by their names, such as copdns-check; all are of section 1."""
    context = click.Context(main, info_name=name, **main.context_settings)
    pages = {name: _main_page(context, version, made)}
    for each, command in _subcommands(main, context):
        inner = click.Context(command, info_name=each, parent=context)
        pages[f"{name}-{each}"] = _command_page(inner, version, made)
    return pages


def _main_page(context: click.Context, version: str, made: date) -> str:
    main = context.command
    assert isinstance(main, click.Group)
    name = context.command_path
    lines = [
        *_head(context, version, made),
        *_usage(main, context),
        *_description(main),
        ".PP",
        *_prose("The service `copdns.service` runs it; commands show and change its rules.", main),
        ".SH OPTIONS",
        *_options(main, context),
        ".SH COMMANDS",
        *_prose(f"Each has a page of its own, such as {name}-check(1).", main),
    ]
    below = dict(_subcommands(main, context))
    for each, command in below.items():
        lines += [".TP", rf"\fB{_literal(each)}\fR", *_prose(_summary(command), command)]
    lines += [_LAST_SECTIONS, *_examples(main), ".SH SEE ALSO"]
    lines += [rf".BR {name}\-{_literal(each)} (1)," for each in below]
    return "\n".join(lines).removesuffix(",") + "\n"


def _command_page(context: click.Context, version: str, made: date) -> str:
    command = context.command
    lines = [*_head(context, version, made), *_synopses(command, context)]
    lines += _description(command)
    if options := _options(command, context):
        lines += [".SH OPTIONS", *options]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for each, inner in _leaves(command, context):
            lines += _section(each, inner)
    lines += [*_examples(command), ".SH SEE ALSO", ".BR copdns (1)"]
    return "\n".join(lines) + "\n"


def _section(command: click.Command, context: click.Context) -> list[str]:
    """Return what a page says of one of the commands below its own."""
    lines = [f'.SS "{_literal(context.command_path)}"', *_usage(command, context)]
    lines += [*_paragraphs(command), *_options(command, context)]
    if example := list(_example_lines(command)):
        lines += [".PP", "Example:", *_keep_lines(example)]
    return lines


def _head(context: click.Context, version: str, made: date) -> list[str]:
    name = _literal(context.command_path.replace(" ", "-"))
    summary = _summary(context.command).removesuffix(".")
    first = summary[:1] if summary[1:2].isupper() else summary[:1].lower()
    return [
        f'.TH {name.upper()} 1 {made.isoformat()} "copdns {version}" copdns',
        ".SH NAME",
        *_wrap_lines(rf"{name} \- {first}{summary[1:]}"),
        ".SH SYNOPSIS",
    ]


def _synopses(command: click.Command, context: click.Context) -> list[str]:
    """Return how a command is called, and below it how each of its subcommands is."""
    lines: list[str] = []
    if not isinstance(command, click.Group) or command.invoke_without_command:
        lines += _usage(command, context)
    if isinstance(command, click.Group):
        for each, inner in _leaves(command, context):
            lines += [*([".br"] if lines else []), *_usage(each, inner)]
    return lines


def _usage(command: click.Command, context: click.Context) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    return [rf"\fB{_literal(context.command_path)}\fR {_mark_usage(pieces)}".rstrip()]


def _description(command: click.Command) -> list[str]:
    found = _paragraphs(command)
    return [".SH DESCRIPTION", *(found[1:] if found[:1] == [".PP"] else found)]


def _paragraphs(command: click.Command) -> list[str]:
    lines: list[str] = []
    for text, as_written in _parts(command):
        if as_written:
            if not _EXAMPLE.match(text):
                lines += _keep_lines(text.splitlines())
        else:
            lines += [".PP", *_prose(text, command)]
    return lines


def _examples(command: click.Command) -> list[str]:
    lines = list(_example_lines(command))
    return [".SH EXAMPLES", *_keep_lines(lines)] if lines else []


def _example_lines(command: click.Command) -> Iterator[str]:
    for text, as_written in _parts(command):
        if as_written and (found := _EXAMPLE.match(text)):
            yield from (" " * found.end() + text[found.end() :]).splitlines()


def _parts(command: click.Command) -> Iterator[tuple[str, bool]]:
    r"""Yield each paragraph of a command's help, and whether its lines are kept (click's \b)."""
    for part in cleandoc(command.help or "").partition("\f")[0].split("\n\n"):
        text, as_written = part.strip("\n"), part.lstrip().startswith("\b")
        yield text.replace("\b\n", "", 1) if as_written else text, as_written


def _options(command: click.Command, context: click.Context) -> list[str]:
    """Return what each option does; of --help, which all have, the page of copdns tells."""
    lines: list[str] = []
    for each in command.params if context.parent else command.get_params(context):
        record = each.get_help_record(context)
        if record is not None and record[1]:  # newer click has records of arguments, too
            lines += [".TP", _mark_usage(record[0]), *_prose(record[1], command)]
    return lines


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=500)


def _subcommands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def _leaves(
    group: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield the commands below a group, those of its groups as well, each with its context."""
    for name, command in _subcommands(group, context):
        inner = click.Context(command, info_name=name, parent=context)
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield command, inner
        if isinstance(command, click.Group):
            yield from _leaves(command, inner)


# --- roff ---


def _prose(text: str, command: click.Command) -> list[str]:
    """Return a text as lines of roff, which are filled again where they are shown."""
    arguments = set(_METAVAR.findall(" ".join(_metavars(command))))

    def mark(found: re.Match[str]) -> str:
        code, option, word = found.groups()
        if code or option:
            return rf"\fB{_literal(code or option)}\fR"
        return rf"\fI{word}\fR" if word in arguments else word

    return _wrap_lines(_MARKED.sub(mark, " ".join(text.split())))


def _wrap_lines(text: str) -> list[str]:
    lines = wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [_safe(line) for line in lines]


_METAVAR = re.compile(r"[A-Z][A-Z_]+")


def _metavars(command: click.Command) -> Iterator[str]:
    for each in command.params:
        yield each.metavar or (each.name or "").upper()


def _mark_usage(text: str) -> str:
    """Return options or arguments as --help names them: what is typed in bold."""
    return _OF_USAGE.sub(_mark_piece, text)


_OF_USAGE = re.compile(r"(?<![\w-])(?P<option>--?[A-Za-z][\w-]*)|(?P<argument>\b[A-Z][A-Z_]+\b)|.")


def _mark_piece(found: re.Match[str]) -> str:
    font = {"option": "B", "argument": "I"}.get(found.lastgroup or "")
    return rf"\f{font}{_literal(found[0])}\fR" if font else _literal(found[0])


def _keep_lines(lines: Iterable[str]) -> list[str]:
    """Return lines that are shown as they were written, without what they all begin with."""
    text = cleandoc("\n" + "\n".join(lines))
    return [".nf", *(_safe(_literal(line)) for line in text.splitlines()), ".fi"]


def _literal(text: str) -> str:
    return "".join(_LITERAL.get(each, each) for each in text)


def _safe(line: str) -> str:
    """Keep a line from being taken for a request, which begins with a dot or an apostrophe."""
    return rf"\&{line}" if line[:1] in {".", "'"} else line

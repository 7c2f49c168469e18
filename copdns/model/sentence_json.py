"""Carry a sentence from one process to another as JSON, and back.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copdns.model.sentences import Phrase, Sentence, Value


def dump_sentence(sentence: Sentence) -> dict[str, Any]:
    """Return a sentence as a JSON object; its places are left out."""
    values = {name: _dump_value(value) for name, value in sentence.values.items()}
    return {"text": sentence.text, "values": values, "many": sentence.many}


def load_sentence(plain: Mapping[str, Any]) -> Sentence:
    """Return the sentence of a JSON object that `dump_sentence` made."""
    values = {name: _load_value(value) for name, value in plain["values"].items()}
    return Sentence(plain["text"], values, plain["many"])


def _dump_value(value: Value) -> object:
    if isinstance(value, Phrase):
        return {"context": value.context, "phrase": value.text}
    return dump_sentence(value) if isinstance(value, Sentence) else value


def _load_value(value: Any) -> Value:
    if not isinstance(value, Mapping):
        found: Value = value
        return found
    if "phrase" in value:
        return Phrase._make((value["context"], value["phrase"]))
    return load_sentence(value)

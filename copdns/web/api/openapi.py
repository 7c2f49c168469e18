"""Build the OpenAPI 3.1 document from the table of operations, so that it is true."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from copdns import __version__
from copdns.accounts.roles import Permission
from copdns.web.api.operation import Given, Nothing, Operation
from copdns.web.api.reading import JSON
from copdns.web.api.serve import adapter_of
from copdns.web.problem import PROBLEM
from copdns.web.session import SESSION
from copdns.web.step_up import PROBLEM_TYPE as STEP_UP_PROBLEM

BASE = "/api/v1"

_ABOUT = f"""\
Everything that the guardians' desk does, for programs.  docs/api.md tells how to get a token, and
has examples.  What a token may do are its scopes; each operation names those it needs.  A browser
that is logged in to the desk may use the session's cookie instead, from pages of the desk only.

What opens doors or data (x-step-up) needs more: of a token the scope step_up too, and of a browser
a password that was entered within the last five minutes, by the login or by
mine.enter_password.  Else it is refused with 403 and a problem of the type {STEP_UP_PROBLEM}.
"""
_REFUSAL_TEXT: Mapping[int, str] = {
    400: "A parameter is not right, or the body is not JSON.",
    401: "No token or session came along, or one that is over.",
    403: "It is there, but does not let this be done; or it came unencrypted over the network.",
    404: "There is nothing of this id.",
    405: "The path takes other methods, which Allow names.",
    409: "It was understood, and cannot be done as things are; the detail says why.",
    413: "The body is larger than 64 KiB; 768 KiB for a calendar file.",
    415: "The body is sent as something else than JSON.",
    422: "The body does not have the keys and values that it should have; all mistakes are told.",
    429: "Too many calls; Retry-After says for how long to wait, where that is known.",
    503: "Not possible at the moment, such as when the disk is full.",
}
_PART_TEXT: Mapping[str, str] = {
    "profile": "The id of a profile.",
    "schedule": "The id of a schedule.",
    "budget": "The id of a budget.",
    "grant": "The id of a permission.",
    "ticket": "The id of a ticket.",
    "rule": "The id of a rule.",
    "device": "The id of a device.",
    "appeal": "The id of an appeal.",
    "service": "The id of a service of the household's own.",
    "list": "The short name of a list of the household's own.",
    "visitor": "The id of an unknown device.",
    "guest": "The id of a guest.",
    "target": "The name of a target, with a hyphen: webhook-1.",
    "pairing": "The id of a pairing.",
    "account": "The id of an account.",
    "token": "The id of a token.",
    "session": "The id of a session.",
    "name": "A name of this house.",
    "rewrite": "A name, *.name or =name, as the rewrite has it.",
    "domain": "The domain of a split; a dot for all names; after @ the profile or #tag for whom.",
}
_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}
_NAME = {"type": "string", "pattern": r"^[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9])?$"}
_MATCHER = {"type": "string", "pattern": r"^(=|\*\.)?[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9])?$"}
_LOCAL = {
    "type": "string",
    "pattern": r"^(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9])?(@#?[a-z0-9][a-z0-9_-]{0,63})?$",
}
_SCOPED = {
    "type": "string",
    "pattern": r"^(\.|[a-z0-9_]([a-z0-9_.-]{0,250}[a-z0-9])?)(@#?[a-z0-9][a-z0-9_-]{0,63})?$",
}
# Schemas of path parts that are not ids.
_PART_SCHEMA = {"name": _LOCAL, "domain": _SCOPED, "rewrite": _MATCHER}


class ProblemMistake(Given):
    """at: a JSON pointer into the body, or the name of a parameter."""

    at: str
    what: str


class Problem(Given):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemMistake] | None = None


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document: what each operation takes and returns, and how it can fail."""
    adapters: list[tuple[object, Any, TypeAdapter[Any]]] = [
        ("problem", "validation", TypeAdapter(Problem))
    ]
    for each in operations:
        if each.result is not None and not each.text:
            adapters.append((("gives", each.id), "serialization", adapter_of(each)))
        if each.body is not None:
            adapters.append((("takes", each.id), "validation", TypeAdapter(each.body)))
        adapters.append((("asks", each.id), "validation", TypeAdapter(each.query)))
    schemas, shared = TypeAdapter.json_schemas(
        adapters,
        ref_template="#/components/schemas/{model}",
    )
    schema_by_key = {key[0]: value for key, value in schemas.items()}
    definitions = shared.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(BASE + each.path, {})[each.method.lower()] = _describe(
            each, schema_by_key, definitions
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "copdns", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": {
                _name(status): {
                    "description": said,
                    "content": {PROBLEM: {"schema": schema_by_key["problem"]}},
                }
                for status, said in _REFUSAL_TEXT.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION,
                    "description": f"of a browser; over HTTPS it is called __Host-{SESSION}",
                },
            },
        },
    }


def _describe(
    each: Operation, schemas: Mapping[Any, Any], definitions: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": each.id,
        "summary": each.summary,
        "tags": [each.subject],
        "security": [*_token_scopes(each), {"session": []}],
        "parameters": [*_path_parameters(each), *_query_parameters(each, schemas, definitions)],
        "responses": {str(each.status): _success(each, schemas)}
        | {
            str(status): {"$ref": f"#/components/responses/{_name(status)}"}
            for status in each.refusals
        },
    }
    if each.step_up:
        found["x-step-up"] = True
    if each.body is not None:
        schema = schemas["takes", each.id]
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return found


def _token_scopes(each: Operation) -> list[dict[str, list[str]]]:
    scopes = [each.permission, Permission.STEP_UP] if each.step_up else [each.permission]
    return [] if each.for_people else [{"token": list(map(str, scopes))}]


def _success(each: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(each.status).phrase}
    if each.text:
        response["content"] = {each.text: {"schema": {}}}
    elif each.result is not None:
        response["content"] = {JSON: {"schema": schemas["gives", each.id]}}
    return response


def _path_parameters(each: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": part,
            "in": "path",
            "required": True,
            "description": _PART_TEXT[part],
            "schema": _PART_SCHEMA.get(part, _ID),
        }
        for part in each.parts
    ]


def _query_parameters(
    each: Operation, schemas: Mapping[Any, Any], definitions: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if each.query is Nothing:
        return []
    schema = schemas["asks", each.id]
    model = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return [
        {
            "name": name,
            "in": "query",
            "required": name in model.get("required", ()),
            "description": of.get("description", name),
            "schema": {key: value for key, value in of.items() if key != "description"},
        }
        for name, of in model["properties"].items()
    ]


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def make_document_handler(operations: Sequence[Operation]) -> Any:
    """Return the handler of the document, which the first request builds."""
    octets: list[bytes] = []

    async def openapi(_request: web.Request) -> web.Response:
        if not octets:
            octets.append(json.dumps(document(operations)).encode())
        return web.Response(body=octets[0], content_type=JSON)

    return openapi

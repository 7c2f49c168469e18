"""A single sign-on (OpenID Connect) on loopback, for tests: it lets in whoever the test says."""

from __future__ import annotations

import warnings
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus, urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey

CLIENT, SECRET = "copdns", "a secret of the client"


@dataclass
class SignOnServer:
    """subject: who logs in next.  now: when.

    claims: what its token says otherwise; None: left out.
    Each code is good once, and only with the verifier of its challenge.
    """

    now: float
    subject: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: ECKey | OKPKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1"}))
    signs_with: ECKey | OKPKey | None = None
    algorithm: str = "ES256"
    issuer: str = ""
    asked: dict[str, dict[str, str]] = field(default_factory=dict)  # by code
    is_old: bool = False  # it does not ask again for a proof

    def metadata(self) -> dict[str, str]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    async def tell_metadata(self, _: web.Request) -> web.Response:
        return web.json_response(self.metadata())

    async def tell_keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    async def token(self, request: web.Request) -> web.Response:
        user = unquote_plus(
            b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        )
        form = dict(await request.post())
        asked = self.asked.pop(str(form["code"]), None)
        digest = sha256(str(form["code_verifier"]).encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            user != f"{CLIENT}:{SECRET}"
            or asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        proven = self.now - 3600 if self.is_old else self.now
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": self.subject,
            "nonce": asked["nonce"],
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "auth_time": int(proven),
            "amr": ["pwd", "mfa"],
            **self.claims,
        }
        told = {key: value for key, value in claims.items() if value is not None}
        text = sign_token(self.algorithm, told, self.signs_with or self.key, kid="k1")
        return web.json_response({"id_token": text})


def sign_token(algorithm: str, claims: dict[str, Any], key: Key, **head: str) -> str:
    """Return a JWT.  algorithm: also by a name that the library warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode({"alg": algorithm, **head}, claims, key, algorithms=[algorithm])


@asynccontextmanager
async def running_sign_on(now: float) -> AsyncIterator[SignOnServer]:
    server = SignOnServer(now)
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", server.tell_metadata),
            web.get("/keys", server.tell_keys),
            web.get("/authorize", server.authorize),
            web.post("/token", server.token),
        ]
    )
    async with TestServer(app, host="127.0.0.1") as running:
        server.issuer = f"http://127.0.0.1:{running.port}"
        yield server

"""A small OpenID provider on a real socket, which misbehaves as it is told to."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import FastAPI, HTTPException, Request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "orderops", "secret-of-the-client"


@dataclass
class Provider:
    """`claims` of whoever logs in next; `twist` changes the id token's claims, `sign` makes the token of them."""

    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    twist: Callable[[dict[str, Any]], None] = lambda claims: None
    sign: Callable[["Provider", dict[str, Any]], str] = lambda provider, claims: provider.signed(claims)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))
    answers: dict[str, Any] = field(default_factory=dict)
    """In place of what is at these paths."""
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def code_for(self, query: dict[str, str]) -> str:
        """Somebody logs in here after they were sent with this query."""
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe()
        self._codes[code] = query
        return code

    def signed(self, claims: dict[str, Any], **header: str) -> str:
        """As it should be."""
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid), **header}, claims, self.key)

    def with_the_clients_secret(self, claims: dict[str, Any]) -> str:
        """Signed by what everybody could know who knows the public key, or the client's secret."""
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])

    def unsigned(self, claims: dict[str, Any]) -> str:
        """alg none."""
        parts = (orjson.dumps({"alg": "none"}), orjson.dumps(claims), b"")
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)

    def by_somebody_else(self, claims: dict[str, Any]) -> str:
        """The right key's name, another key."""
        other = RSAKey.generate_key(2048)
        return jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, other)

    def app(self) -> FastAPI:
        """Discovery, keys and tokens."""
        app = FastAPI(openapi_url=None)

        @app.get("/.well-known/openid-configuration")
        async def about() -> Any:
            self.asked.append("about")
            found = {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
            return self.answers.get("about", found)

        @app.get("/keys")
        async def keys() -> Any:
            self.asked.append("keys")
            return {"keys": [self.key.as_dict(private=False)]}

        @app.post("/token")
        async def token(request: Request) -> Any:
            self.asked.append("token")
            fields = dict(parse_qsl((await request.body()).decode()))
            return self.answers.get("token") or {"id_token": self._token(request, fields), "token_type": "Bearer"}

        return app

    def _token(self, request: Request, fields: dict[str, str]) -> str:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        query = self._codes.pop(fields["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if (
            query is None
            or request.headers.get("authorization") != f"Basic {basic}"
            or fields["redirect_uri"] != query["redirect_uri"]
            or challenge.rstrip(b"=").decode() != query["code_challenge"]
        ):
            raise HTTPException(400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": query["nonce"]}
        claims |= self.claims
        self.twist(claims)
        return self.sign(self, claims)

"""Log-in with an OpenID provider: the code flow with PKCE, and an id token that is believed when all of it fits.

The protocol is authlib's, the signatures joserfc's, which authlib itself uses; the requests go through httpx.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import httpx
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from api.errors import Problem, unavailable
from api.people import Arrived, Role
from workers.runtime.errors import UserError
from workers.runtime.settings import Settings

log = structlog.get_logger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures that only the provider can make: none that is made with a shared secret, and not none at all."""
LEEWAY = timedelta(minutes=1)
"""How far apart the two clocks may be."""
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Flow:
    """What we have to remember of a log-in under way; the browser keeps it, signed."""

    state: str
    nonce: str
    verifier: str
    goal: str


class OpenId:
    """One provider. What it says of itself is asked for once."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = str(settings.oidc_issuer)
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._claim = settings.oidc_roles_claim
        self._roles = roles_of(settings.oidc_roles)
        self._callback = f"{settings.public_url.rstrip('/')}/login/openid/callback"
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None

    async def begin(self, goal: str) -> tuple[str, Flow]:
        """Where to send the browser, and what to remember."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(state, nonce, verifier, goal)
        endpoint = (await self._about())["authorization_endpoint"]
        address = prepare_grant_uri(
            endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self._callback,
            scope="openid profile email",
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return str(address), flow

    async def finish(self, flow: Flow, code: str) -> Arrived:
        """Who came back with this code; 403 when the provider or its token is not as it has to be."""
        try:
            return self._arrived(await self._claims(await self._id_token(flow, code), flow.nonce))
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise _refused(type(error).__name__) from None

    async def _id_token(self, flow: Flow, code: str) -> str:
        about = await self._about()
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": flow.verifier,
        }
        secret = (self._client_id, self._secret.get_secret_value())
        ways = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in ways:
            answer = await self._ask("POST", about["token_endpoint"], data=sent, auth=secret)
        else:
            named = {"client_id": secret[0], "client_secret": secret[1]}
            answer = await self._ask("POST", about["token_endpoint"], data={**sent, **named})
        return str(answer["id_token"])

    async def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """Signature, issuer, audience, times and nonce fit; raises JoseError when one of them does not."""
        try:
            token = jwt.decode(id_token, await self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:  # the provider has new keys
            token = jwt.decode(id_token, await self._key_set(anew=True), algorithms=ALGORITHMS)
        wanted = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        claims = CodeIDToken(token.claims, token.header, wanted, {"nonce": nonce, "client_id": self._client_id})
        claims.validate(leeway=int(LEEWAY.total_seconds()))
        return cast(Mapping[str, Any], claims)

    def _arrived(self, claims: Mapping[str, Any]) -> Arrived:
        found: Any = claims
        for part in self._claim.split("."):
            found = found.get(part, ()) if isinstance(found, Mapping) else ()
        given = found.split() if isinstance(found, str) else found if isinstance(found, list) else ()
        roles = frozenset(self._roles[each] for each in given if isinstance(each, str) and each in self._roles)
        if not roles:
            raise Problem("forbidden", "You have no role here. Ask those who run this to give you one.")
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        return Arrived(self._issuer, str(claims["sub"]), name, str(claims.get("name") or name)[:100], roles)

    async def _about(self) -> dict[str, Any]:
        if not self._metadata:
            about = await self._ask("GET", get_well_known_url(self._issuer, external=True))
            if about.get("issuer") != self._issuer:
                raise _refused("issuer")
            self._metadata = about
        return self._metadata

    async def _key_set(self, *, anew: bool = False) -> KeySet:
        if self._keys is None or anew:
            about = await self._about()
            self._keys = KeySet.import_key_set(cast(Any, await self._ask("GET", about["jwks_uri"])))
        return self._keys

    async def _ask(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        """A JSON object, in time; 503 when the provider is away."""
        try:
            async with asyncio.timeout(SECONDS), httpx.AsyncClient(timeout=SECONDS) as client:
                answer = await client.request(method, address, **more)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.TransportError, TimeoutError):
            raise unavailable("The place where you log in does not answer at the moment; try again.") from None
        except (httpx.HTTPError, ValueError) as error:
            raise _refused(type(error).__name__) from None
        if not isinstance(found, dict):
            raise _refused("no object")
        return found


def roles_of(pairs: tuple[str, ...]) -> Mapping[str, Role]:
    """Our roles by what the provider calls them; without any they are called as ours. UserError otherwise."""
    try:
        if not pairs:
            return {role.value: role for role in Role}
        return {name: Role(role) for name, _, role in (pair.rpartition("=") for pair in pairs)}
    except ValueError:
        hint = f"Roles are {', '.join(Role)}; write for instance ops-leads=lead."
        raise UserError("ORDEROPS_OIDC_ROLES names a role that there is not.", hint=hint) from None


def _refused(why: str) -> Problem:
    """Nothing of what the provider sent is told on; the log has the sort of mistake."""
    log.warning("access.openid_refused", why=why)
    return Problem("forbidden", "The place where you log in did not say who you are in a way that we can believe.")

"""Log-ins of people to Operate and Tasklist: documents in OpenSearch, since Camunda 8.6 has no API for them.

Both run in one JVM and ask Operate's index. There is one right to change things, and it holds for both: whoever
may do tasks in Tasklist may do all of them, and may also retry and cancel in Operate.
"""

from collections.abc import Iterable
from urllib.parse import quote

import bcrypt
import httpx

from workers.runtime.errors import UserError

INDEX = "operate-user-1.2.0_"
OPERATE_ROLES = {"admin": "OWNER", "lead": "OPERATOR", "finance": "OPERATOR", "agent": "OPERATOR"}
"""What our roles are there: owners and operators change things, all others (USER) look."""
MOST_BYTES = 72
"""Of a password; bcrypt reads no more."""
WELL_KNOWN = ("view", "act")
"""Users whom Operate makes by itself, each with the name as password."""
SHUT = "{bcrypt}shut"
"""A password that nothing fits."""


def add(search_url: str, name: str, password: str, roles: Iterable[str]) -> None:
    """Let somebody log in to Operate and Tasklist; the same name again replaces password and roles.

    Raises UserError when the password is too long or OpenSearch does not answer.
    """
    secret = password.encode()
    if len(secret) > MOST_BYTES:
        raise UserError(f"A password for Operate and Tasklist has at most {MOST_BYTES} bytes.")
    chosen = sorted({OPERATE_ROLES.get(role, "USER") for role in roles}) or ["USER"]
    _put(search_url, name, "{bcrypt}" + bcrypt.hashpw(secret, bcrypt.gensalt()).decode(), chosen)


def shut_well_known(search_url: str) -> bool:
    """Make the passwords that everybody knows useless; False while Operate has not made these users yet.

    Harmless to repeat. Raises UserError when OpenSearch does not answer.
    """
    done = [shut(search_url, name) for name in WELL_KNOWN]
    return all(done)


def shut(search_url: str, name: str) -> bool:
    """Let somebody log in no more; False when they never could. Harmless to repeat."""
    answer = _ask("GET", address(search_url, name))
    if answer.status_code != httpx.codes.OK:
        return False
    if answer.json()["_source"]["password"] != SHUT:
        _put(search_url, name, SHUT, ["USER"])
    return True


def address(search_url: str, name: str) -> str:
    """Where somebody's document lies."""
    return f"{search_url.rstrip('/')}/{INDEX}/_doc/{quote(name, safe='')}"


def _put(search_url: str, name: str, password: str, roles: list[str]) -> None:
    user = {"id": name, "userId": name, "displayName": name, "password": password, "roles": roles}
    answer = _ask("PUT", f"{address(search_url, name)}?refresh=true", user)
    if not answer.is_success:
        raise UserError(f"OpenSearch did not take the log-in of {name} ({answer.status_code}).")


def _ask(method: str, url: str, content: object = None) -> httpx.Response:
    try:
        return httpx.request(method, url, json=content, timeout=10, trust_env=False)
    except httpx.TransportError as error:
        raise UserError(
            f"OpenSearch does not answer ({type(error).__name__}).",
            hint="Operate and Tasklist run in a full stack only: `orderops up --full`.",
        ) from None

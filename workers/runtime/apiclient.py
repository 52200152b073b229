"""What commands share that call the api: asking it, and its ids as people read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from workers.runtime.errors import UserError
from workers.runtime.settings import load_settings

NO_API = "Start the stack with `orderops up`, or set ORDEROPS_API_HOST and ORDEROPS_API_PORT."


class ApiRefused(UserError):
    """The api's own sentence, and the status it came with."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@contextmanager
def open_api() -> Iterator[httpx.Client]:
    """The api with our token; UserError when there is no token or nobody answers."""
    settings = load_settings()
    if not settings.api_tokens:
        raise UserError("No API token is set.", hint="Set ORDEROPS_API_TOKENS to a token the api knows.")
    token = settings.api_tokens[0].get_secret_value()
    address = f"http://{settings.api_host}:{settings.api_port}"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        try:
            yield client
        except httpx.TransportError:
            raise UserError(f"The api does not answer at {address}.", hint=NO_API) from None


def ask(api: httpx.Client, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The answer, or ApiRefused with the api's own sentence."""
    answer = api.request(method, path, **more)
    try:
        content: dict[str, Any] = answer.json()
    except ValueError:
        raise UserError(f"The api answered {answer.status_code} without a word.") from None
    if answer.is_success:
        return content
    places = [f"{_place(error)} {error['message']}" for error in content.get("errors", ())]
    sentence = " ".join([content["detail"], *(f"{place}." for place in places)])
    raise ApiRefused(answer.status_code, sentence)


def title(element_id: str) -> str:
    """Task_CorrectAddress as a person reads it: Correct address."""
    words = "".join(
        f" {letter.lower()}" if letter.isupper() else letter for letter in element_id.partition("_")[2]
    )
    return words.strip().capitalize() or element_id


def _place(error: dict[str, str]) -> str:
    return error["pointer"].rpartition("/")[2] if error.get("pointer") else str(error.get("parameter"))

"""Pages behind the links in customers' mails. The signed link is the right to answer: no log-in, no cookies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import HTMLResponse

from api import csrf, form_body, pages
from api.deps import LinksOf, Registry, RegistryOf, SettingsOf, StoreOf, TraceId
from api.deps import settings as settings_of
from api.errors import Problem
from api.store import Store
from workers.casefile import inbox, requests
from workers.casefile.models import CustomerRequest
from workers.casefile.requests import RequestKind, RequestState
from workers.runtime.arrivals import arrival_of
from workers.runtime.jobs import MessagePayload
from workers.runtime.links import BrokenLink, ExpiredLink, Link, Links

router = APIRouter(include_in_schema=False)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

CLOSED = {
    RequestState.ANSWERED: ("We have your answer", "Thank you, there is nothing more to do."),
    RequestState.CLOSED: ("No longer needed", "This was settled in another way. There is nothing more to do."),
    RequestState.EXPIRED: ("This link has expired", "If your order still waits, please contact our support."),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the address form."""

    name: str
    label: str
    autocomplete: str
    longest: int
    required: bool = False
    width: str = ""
    may_be_left_out: str = "optional"


ADDRESS = (
    Field("name", "Full name", "name", 100, required=True),
    Field("street", "Street and number", "address-line1", 100, required=True),
    Field("street2", "Apartment, floor, company", "address-line2", 100),
    Field("postcode", "Postcode", "postal-code", 12, width="narrow", may_be_left_out="if any"),
    Field("city", "City", "address-level2", 80, required=True, width="broad"),
    Field("region", "State, region", "address-level1", 80, width="half", may_be_left_out="if any"),
    Field("country", "Country", "country", 2, required=True, width="half"),
)
"""As long as in the agents' form. Which of the optional ones a country needs the process's own table says."""


class Question:
    """One open or closed question to a customer, and the ways to show and answer it."""

    def __init__(self, request: Request, store: Store, links: Links, registry: Registry, trace_id: str) -> None:
        self.request, self._store, self._registry, self._trace_id = request, store, registry, trace_id
        self._links = links

    async def load(self, token: str) -> tuple[CustomerRequest, RequestState]:
        """What the link stands for; 404 for a link that is not ours."""
        link = self._read(token)

        async def find(session: AsyncSession) -> tuple[CustomerRequest, RequestState] | None:
            asked = await session.get(CustomerRequest, link.request_id)
            now = await session.scalar(select(func.now()))
            return (asked, requests.state_of(asked, now)) if asked and now else None

        found = await self._store.run(find)
        if found is None or found[0].kind != link.kind:
            raise Problem("not-found", "There is nothing behind this link.")
        return found

    def _read(self, token: str) -> Link:
        try:
            return self._links.read(token)
        except BrokenLink:
            raise Problem("not-found", "There is nothing behind this link.") from None

    async def answer(
        self, asked: CustomerRequest, message_name: str, value: Mapping[str, object], raw: bytes
    ) -> bool:
        """Use up the request and store the message, in one transaction; False when it was used up before.

        Raises ValidationError when the message will not do.
        """
        process, message = self._registry.find(message_name)
        payload: MessagePayload = message.payload.model_validate(value)
        arrival = arrival_of(
            process.id,
            message,
            payload,
            source="page",
            body=raw,
            trace_id=self._trace_id,
            settings=await settings_of(self.request),
        )

        async def work(session: AsyncSession) -> bool:
            if not await requests.answer(session, asked.id):
                return False
            receipt = await inbox.accept(session, arrival)
            return not receipt.duplicate

        return await self._store.run(work)


async def _question(
    request: Request, store: StoreOf, links: LinksOf, registry: RegistryOf, trace_id: TraceId
) -> Question:
    return Question(request, store, links, registry, trace_id)


QuestionOf = Annotated[Question, Depends(_question)]


async def _same_site(request: Request, settings: SettingsOf) -> None:
    csrf.same_site(request, settings)


@router.get("/c/{token}")
async def show(token: str, question: QuestionOf) -> HTMLResponse:
    """The question, or why there is none any more."""
    try:
        asked, state = await question.load(token)
    except ExpiredLink:
        return _closed(RequestState.EXPIRED)
    if state is not RequestState.OPEN:
        return _closed(state)
    if asked.kind == RequestKind.ADDRESS:
        values = {field.name: str(asked.facts.get(field.name) or "") for field in ADDRESS}
        return _address_page(asked, values, {})
    return _choice_page(asked, "")


@router.post("/c/{token}", dependencies=[Depends(_same_site)])
async def answer(token: str, question: QuestionOf) -> HTMLResponse:
    """Take the answer once: 409 when there is one, 410 when none is wanted any more, 422 to be asked again."""
    raw, values = await form_body.read(question.request)
    try:
        asked, state = await question.load(token)
    except ExpiredLink:
        return _closed(RequestState.EXPIRED)
    if state is not RequestState.OPEN:
        return _closed(state, answered=409)
    if values.keys() - {"choice", *(field.name for field in ADDRESS)}:
        raise Problem("invalid", "The form has fields that are not ours.")
    if asked.kind == RequestKind.ADDRESS:
        return await _answer_address(question, asked, values, raw)
    return await _answer_choice(question, asked, values, raw)


async def _answer_address(
    question: Question, asked: CustomerRequest, sent: dict[str, str], raw: bytes
) -> HTMLResponse:
    values = {field.name: sent.get(field.name, "").strip(" ") for field in ADDRESS}
    errors = {field.name: wrong for field in ADDRESS if (wrong := _complaint(field, values[field.name]))}
    if errors:
        return _address_page(asked, values, errors)
    message = {"address_request": asked.id, "corrected_address": values}
    try:
        accepted = await question.answer(asked, "address_corrected", message, raw)
    except ValidationError as error:
        fields = {str(item["loc"][-1]): "Please check this." for item in error.errors()}
        return _address_page(asked, values, fields)
    return _thanks(accepted, "Thank you. We check the address and carry on with your order.")


async def _answer_choice(
    question: Question, asked: CustomerRequest, sent: dict[str, str], raw: bytes
) -> HTMLResponse:
    message = {"choice_request": asked.id, "choice": sent.get("choice", "")}
    try:
        accepted = await question.answer(asked, "customer_choice", message, raw)
    except ValidationError:
        return _choice_page(asked, "Please choose one of the two.")
    return _thanks(accepted, "Thank you. We do as you wish.")


def _complaint(field: Field, value: str) -> str | None:
    if not value:
        return "Please fill this in." if field.required else None
    if _CONTROL.search(value):
        return "Please write it on one line, in plain text."
    if len(value) > field.longest:
        return f"Please use at most {field.longest} characters."
    if field.name == "country" and value not in pages.countries():
        return "Please choose a country."
    return None


def _address_page(asked: CustomerRequest, values: dict[str, str], errors: dict[str, str]) -> HTMLResponse:
    return pages.page(
        "address.html",
        422 if errors else 200,
        fields=ADDRESS,
        values=values,
        errors=errors,
        problems=asked.facts.get("problems", []),
        order_number=asked.facts.get("order_number", ""),
        countries=pages.countries(),
    )


def _choice_page(asked: CustomerRequest, error: str) -> HTMLResponse:
    number = asked.facts.get("order_number", "")
    return pages.page("choice.html", 422 if error else 200, order_number=number, error=error)


def _thanks(accepted: bool, text: str) -> HTMLResponse:
    """The second of two answers at the same moment is told that there is one."""
    return pages.message("We have your answer", text) if accepted else _closed(RequestState.ANSWERED, answered=409)


def _closed(state: RequestState, answered: int = 200) -> HTMLResponse:
    title, text = CLOSED[state]
    return pages.message(title, text, answered if state is RequestState.ANSWERED else 410)

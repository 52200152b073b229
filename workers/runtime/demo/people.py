"""Customers who read their mail and answer on the pages, and agents who complete their tasks through the api."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import all_, any_, select

from api import csrf
from api.identity import cookie_name_at
from api.people import Actor, Role
from workers.adapters.mock_books import MailRow
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_world import MockWorld
from workers.adapters.shopify_orders import to_address
from workers.casefile import people
from workers.casefile.db import Database
from workers.runtime.demo.books import array_of
from workers.runtime.demo.feed import Feed
from workers.runtime.demo.plan import Json, Planned, Trouble

_FALLBACK = {
    "name": "Valued customer",
    "street": "Hauptstraße 5",
    "street2": "",
    "city": "Berlin",
    "region": "",
    "postcode": "10115",
    "country": "DE",
}
"""Where an order goes whose own address can never be right."""
STAFF = {"agent-1": Role.AGENT, "lead-1": Role.LEAD, "lead-2": Role.LEAD, "finance-1": Role.FINANCE}
"""Who approves refunds: people, logged in as themselves. A demo adds them as users, without passwords."""
_GROUPS = {role: Actor("", "", "person", frozenset({role})).groups for role in STAFF.values()}
_ANSWERS: dict[str, tuple[Json, str]] = {
    "Task_DecideOnMargin": ({"buy_anyway": True}, "margin accepted"),
    "Task_DecideOnParcel": ({"answer": "refund"}, "money back for the parcel"),
    "Task_DecideOnDispute": ({"response": "submit"}, "dispute answered"),
    "Task_AnswerTicket": ({"decision": "send", "reply": "You find it on our pages."}, "ticket answered"),
    "Task_HandleEscalation": (
        {"escalation_decision": "answer", "escalation_reply": "Please stop using it. We call you today."},
        "escalation handled",
    ),
}
"""What everybody answers who is asked to decide, and how it is noted."""
_LOOK_EVERY_SECONDS = 0.5
_ASK_FOR_ADDRESS = "fulfillment_ask_for_address"
_ASK_REFUND_OR_WAIT = "fulfillment_ask_refund_or_wait"


@dataclass
class People:
    """Everybody who answers. `run` until cancelled."""

    http: httpx.AsyncClient
    world: MockWorld
    token: str
    plan: dict[str, Planned]
    feed: Feed
    browsers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What the browser of each of the staff sends; see `hire`."""
    answered: dict[str, list[str]] = field(default_factory=dict)
    """Case id → what people answered."""
    _asked: dict[str, list[str]] = field(default_factory=dict)
    """By the case whose refund they were to approve: who was asked already."""
    _dealt_with: set[str] = field(default_factory=set)
    """Keys of the mails that need no answer any more."""
    _given: set[str] = field(default_factory=set)
    """Cases whose right address was given already."""

    async def run(self) -> None:
        """Look for mails and tasks, and answer them."""
        while True:
            await self.look_once()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def look_once(self) -> None:
        """Answer what is there; what the api cannot take at the moment is left for the next look."""
        with suppress(httpx.HTTPError):
            await self._read_mails()
        with suppress(httpx.HTTPError):
            await self._do_tasks()

    async def _read_mails(self) -> None:
        new = select(MailRow).where(
            MailRow.template.in_((_ASK_FOR_ADDRESS, _ASK_REFUND_OR_WAIT)),
            MailRow.order_id == any_(array_of(self.plan)),
            MailRow.key != all_(array_of(self._dealt_with)),
        )
        for mail in await self.world.rows(new.order_by(MailRow.number)):
            with suppress(httpx.HTTPError):
                if await self._answer(mail):
                    self._dealt_with.add(mail.key)

    async def _answer(self, mail: MailRow) -> bool:
        """Do as the customer would; whether the mail is dealt with."""
        planned, link = self.plan[mail.order_id], mail.links[0]
        if mail.template == _ASK_REFUND_OR_WAIT:
            choice = "wait" if Trouble.NONE_LEFT_WAIT in planned.troubles else "refund"
            return await self._submit(planned, link, {"choice": choice}, f"chose {choice}")
        if Trouble.CANCELLED in planned.troubles:
            return await self._cancel(planned)
        if Trouble.BAD_ADDRESS_AGENT in planned.troubles:
            return True  # this customer never answers, an agent will
        return await self._submit(planned, link, self._address(planned), "address corrected")

    async def _cancel(self, planned: Planned) -> bool:
        """In the shop, which gives the money back by itself."""
        shop = MockShop(self.world)
        await shop.cancel_order(planned.case_id)
        await shop.refund_order(planned.case_id)
        cancelled = await self.feed.cancel(planned)
        if cancelled:
            self._note(planned, "cancelled")
        return cancelled

    async def _submit(self, planned: Planned, link: str, answers: dict[str, str], what: str) -> bool:
        """Fill the page in; False when it asks again. 409 says that our answer has arrived before."""
        path = httpx.URL(link).raw_path.decode()
        _raise_if_away(await self.http.get(path))
        answer = await self.http.post(path, data=answers)
        _raise_if_away(answer)
        if answer.is_success or answer.status_code == httpx.codes.CONFLICT:
            self._note(planned, what)
        if what.startswith("address corrected"):
            self._given.add(planned.case_id)
        return answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY

    def _address(self, planned: Planned) -> dict[str, str]:
        """The right address at first; when that is refused too, one that surely is good."""
        first = planned.case_id not in self._given
        return as_form(planned.right_address) if first and planned.right_address else _FALLBACK

    async def _do_tasks(self) -> None:
        for task in await self._open_tasks():
            planned = self.plan.get(task["case_id"] or "")
            if planned is None:
                continue
            if task["element_id"] == "Task_ApproveRefund":
                await self._approve(task, planned)
            elif task["element_id"] in _ANSWERS:
                variables, what = _ANSWERS[task["element_id"]]
                await self._complete(task, variables, planned, what)
            elif task["element_id"] != "Task_CorrectAddress":
                continue
            elif Trouble.BAD_ADDRESS_AGENT in planned.troubles or not planned.order.get("email"):
                await self._complete(task, self._address(planned), planned, "address corrected by an agent")

    async def _approve(self, task: Json, planned: Planned) -> None:
        """Two who approve one refund are two people: each task is another's. No program approves anything."""
        asked = self._asked.setdefault(planned.case_id, [])
        able = [name for name, role in STAFF.items() if not _GROUPS[role].isdisjoint(task["candidate_groups"])]
        name = next((name for name in able if name not in asked), able[0])
        answer = {"decision": "approve", "why": "It is as the customer says."}
        await self._complete(task, answer, planned, f"refund approved by {name}", self.browsers[name])
        asked.append(name)

    async def _open_tasks(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/tasks", params={"state": "open"}, headers=self._login)
        answer.raise_for_status()
        tasks: list[dict[str, Any]] = answer.json()["tasks"]
        return tasks

    async def _complete(
        self, task: Json, variables: Json, planned: Planned, what: str, who: Mapping[str, str] | None = None
    ) -> None:
        path = f"/tasks/{task['key']}/complete"
        answer = await self.http.post(path, json={"variables": variables}, headers=dict(who or self._login))
        _raise_if_away(answer)
        if what.startswith("address corrected"):
            self._given.add(planned.case_id)
        if answer.is_success:
            self._note(planned, what)

    def _note(self, planned: Planned, what: str) -> None:
        self.answered.setdefault(planned.case_id, []).append(what)

    @property
    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def hire(database: Database, public_url: str) -> dict[str, dict[str, str]]:
    """Add those who approve refunds as users, and log them in; what the browser of each sends from then on.

    They have no passwords, so nobody else can log in as them.
    """
    browsers = {}
    async with database.transaction() as session:
        for name, role in STAFF.items():
            await people.add_user(session, name, name, [role], password_hash="")
            cookie = await people.begin_session(session, name, lasts=timedelta(days=1), instead_of=None)
            sent = {"Cookie": f"{cookie_name_at(public_url)}={cookie}", csrf.HEADER: csrf.token_for(cookie)}
            browsers[name] = sent
    return browsers


def _raise_if_away(answer: httpx.Response) -> None:
    """Raises HTTPStatusError for an answer after which the same is worth another try."""
    if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        answer.raise_for_status()


def as_form(address: Json) -> dict[str, str]:
    """A shop's address as the fields of our form."""
    return {name: value for name, value in asdict(to_address(address)).items() if name != "phone"}

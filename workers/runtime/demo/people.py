"""Customers who read their mail and answer on the pages, and agents who complete their tasks through the api."""

import asyncio
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from workers.adapters.mock_world import MailRow, MockWorld
from workers.adapters.shopify_orders import to_address
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
_LOOK_EVERY_SECONDS = 0.5


@dataclass
class People:
    """Everybody who answers. `run` until cancelled."""

    http: httpx.AsyncClient
    world: MockWorld
    token: str
    plan: dict[str, Planned]
    feed: Feed
    answered: dict[str, list[str]] = field(default_factory=dict)
    """Case id → what people answered."""
    waited: set[str] = field(default_factory=set)
    """Cases for which a day has passed since."""
    _read: int = 0
    _asked: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Look for mails and tasks, and answer them."""
        while True:
            try:
                await self._read_mails()
                await self._do_tasks()
            except httpx.TransportError:
                pass  # the api is away for a moment; people try again
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _read_mails(self) -> None:
        new = select(MailRow).where(MailRow.number > self._read).order_by(MailRow.number)
        for mail in await self.world.rows(new):
            self._read = mail.number
            if mail.order_id not in self.plan:
                continue
            if mail.template == "fulfillment_ask_for_address":
                await self._answer_address(self.plan[mail.order_id], mail.links[0])
            elif mail.template == "fulfillment_ask_refund_or_wait":
                await self._choose(self.plan[mail.order_id], mail.links[0])

    async def _answer_address(self, planned: Planned, link: str) -> None:
        if Trouble.CANCELLED in planned.troubles:
            await self.feed.cancel(planned)
            self._note(planned, "cancelled")
        elif Trouble.BAD_ADDRESS_AGENT not in planned.troubles:
            await self._submit(planned, link, self._address(planned), "address corrected")

    async def _choose(self, planned: Planned, link: str) -> None:
        choice = "wait" if Trouble.NONE_LEFT_WAIT in planned.troubles else "refund"
        await self._submit(planned, link, {"choice": choice}, f"chose {choice}")

    async def _submit(self, planned: Planned, link: str, answers: dict[str, str], what: str) -> None:
        path = httpx.URL(link).raw_path.decode()
        (await self.http.get(path)).raise_for_status()
        answer = await self.http.post(path, data=answers)
        if answer.is_success:
            self._note(planned, what)

    def _address(self, planned: Planned) -> dict[str, str]:
        """The right address at first; when that is refused too, one that surely is good."""
        asked = self._asked[planned.case_id] = self._asked.get(planned.case_id, 0) + 1
        return as_form(planned.right_address) if asked == 1 and planned.right_address else _FALLBACK

    async def _do_tasks(self) -> None:
        for task in await self._open_tasks():
            planned = self.plan.get(task["case_id"] or "")
            if planned is None:
                continue
            if task["element_id"] == "Task_DecideOnMargin":
                await self._complete(task, {"buy_anyway": True}, planned, "margin accepted")
            elif Trouble.BAD_ADDRESS_AGENT in planned.troubles or not planned.order.get("email"):
                await self._complete(task, self._address(planned), planned, "address corrected by an agent")

    async def _open_tasks(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/tasks", params={"state": "open"}, headers=self._login)
        answer.raise_for_status()
        tasks: list[dict[str, Any]] = answer.json()["tasks"]
        return tasks

    async def _complete(self, task: Json, variables: Json, planned: Planned, what: str) -> None:
        path = f"/tasks/{task['key']}/complete"
        answer = await self.http.post(path, json={"variables": variables}, headers=self._login)
        if answer.is_success:
            self._note(planned, what)

    def _note(self, planned: Planned, what: str) -> None:
        self.answered.setdefault(planned.case_id, []).append(what)

    @property
    def _login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def as_form(address: Json) -> dict[str, str]:
    """A shop's address as the fields of our form."""
    return {name: value for name, value in asdict(to_address(address)).items() if name != "phone"}

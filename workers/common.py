"""What several processes do: mails, events, postings, alerts and changes in the shop, each once by its key; orders
as they are known; and questions to customers behind signed links."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from workers.casefile import inbox
from workers.casefile.cases import Cases, Entry, shortened
from workers.casefile.db import Database
from workers.casefile.inbox import Bell
from workers.casefile.journal import Intent, Journal
from workers.casefile.requests import CustomerRequests, RequestKind
from workers.ports.alerts import Alert, Alerts, Post, Told
from workers.ports.events import Event, EventBus, PublishedEvent
from workers.ports.ledger import BookedPosting, Ledger, Posting
from workers.ports.mail import Mail, Mailer, SentMail
from workers.ports.shop import Order, Shop
from workers.runtime.arrivals import arrival_of
from workers.runtime.context import current_job
from workers.runtime.errors import NeedsHuman, Retryable
from workers.runtime.jobs import Message, MessagePayload
from workers.runtime.links import Links
from workers.runtime.settings import Settings

Found = TypeVar("Found")
LINK = re.compile(r"https?://[^\s<>\"]+")
LONGEST_LETTER = 2_000
"""Characters of a mail's text that its case keeps: what we write is shorter, but for what people add."""
LOOKS, LOOK_AGAIN = 20, timedelta(seconds=0.1)


async def recorded(look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
    """What the engine's records say of `what`; they come a moment after it has acted.

    Waited for two seconds here, and after that by further attempts, which burn no retries.
    """
    for _ in range(LOOKS):
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(LOOK_AGAIN.total_seconds())
    raise Retryable(f"the engine's record of {what} is on its way", retry_after=LOOK_AGAIN, burns_retry=False)


class Effects:
    """Mails, events and postings through the effect journal, with an entry in the case's timeline."""

    def __init__(self, journal: Journal, mailer: Mailer, events: EventBus, ledger: Ledger) -> None:
        self._journal = journal
        self._mailer = mailer
        self._events = events
        self._ledger = ledger

    async def send(self, mail: Mail, sentence: str) -> None:
        """Mail the customer once per `mail.key`. The address and the text stay out of the journal: the timeline
        keeps them, where they can be erased; without the links, which are meant for the customer alone."""

        def entry(sent: SentMail) -> Entry:
            letter = self._mailer.letter(mail)
            text = shortened(LINK.sub("[link]", letter.text), LONGEST_LETTER)
            written = {"to": mail.to, "subject": letter.subject, "text": text}
            facts = {"mail_id": sent.id, "template": mail.template, "letter": written}
            return Entry(mail.order_id, mail.key, "mail_sent", sentence, facts)

        await self._journal.once(
            Intent(
                key=mail.key,
                kind="mail",
                case_id=mail.order_id,
                request={"template": mail.template},
                result_type=SentMail,
                call=lambda: self._mailer.send(mail),
                find=lambda _request: self._mailer.find(mail.key),
                entry=entry,
            )
        )

    async def publish(self, event: Event, case_id: str, sentence: str) -> None:
        """Announce an event once per `event.key`."""

        def entry(published: PublishedEvent) -> Entry:
            facts = {"event_id": published.id, **event.payload}
            return Entry(case_id, event.key, event.name, sentence, facts)

        await self._journal.once(
            Intent(
                key=event.key,
                kind="event",
                case_id=case_id,
                request={"name": event.name, "payload": dict(event.payload)},
                result_type=PublishedEvent,
                call=lambda: self._events.publish(event),
                find=lambda _request: self._events.find(event.key),
                entry=entry,
            )
        )

    async def book(self, posting: Posting, sentence: str) -> None:
        """Book once per `posting.key`."""
        amount = {"minor": posting.amount.minor, "currency": posting.amount.currency}

        def entry(booked: BookedPosting) -> Entry:
            facts = {"posting_id": booked.id, "account": posting.account, **amount}
            return Entry(posting.order_id, posting.key, "booked", sentence, facts)

        await self._journal.once(
            Intent(
                key=posting.key,
                kind="posting",
                case_id=posting.order_id,
                request={"account": posting.account, **amount},
                result_type=BookedPosting,
                call=lambda: self._ledger.book(posting),
                find=lambda _request: self._ledger.find(posting.key),
                entry=entry,
            )
        )

    async def change(self, key: str, entry: Entry, call: Callable[[], Awaitable[None]]) -> None:
        """Change something that may be changed to the same twice without harm; recorded once per `key`."""

        async def done() -> dict[str, str]:
            await call()
            return {}

        async def find(_request: Mapping[str, Any]) -> dict[str, str] | None:
            return None

        await self._journal.once(
            Intent(
                key=key,
                kind=entry.kind,
                case_id=entry.case_id,
                request={},
                result_type=dict[str, str],
                call=done,
                find=find,
                entry=lambda _result: entry,
                harmless_twice=True,
            )
        )


class Pager:
    """Alerts and posts to our own people through the effect journal, with an entry in the case's timeline."""

    def __init__(self, journal: Journal, alerts: Alerts) -> None:
        self._journal = journal
        self._alerts = alerts

    async def push(self, alert: Alert, case_id: str, sentence: str) -> None:
        """Call somebody once per `alert.key`. The text stays out of the journal."""
        facts = {"to": alert.to, "level": alert.level.value}
        await self._tell(
            Entry(case_id, alert.key, "alert_sent", sentence, facts),
            lambda: self._alerts.push(alert),
            lambda: self._alerts.find_push(alert.key),
        )

    async def post(self, post: Post, case_id: str, sentence: str) -> None:
        """Write to the team's chat once per `post.key`. The text stays out of the journal."""
        await self._tell(
            Entry(case_id, post.key, "chat_posted", sentence, {"channel": post.channel}),
            lambda: self._alerts.post(post),
            lambda: self._alerts.find_post(post.key),
        )

    async def _tell(
        self, entry: Entry, call: Callable[[], Awaitable[Told]], find: Callable[[], Awaitable[Told | None]]
    ) -> None:
        await self._journal.once(
            Intent(
                key=entry.key,
                kind="alert",
                case_id=entry.case_id,
                request=dict(entry.facts),
                result_type=Told,
                call=call,
                find=lambda _request: find(),
                entry=lambda _told: entry,
            )
        )


class Letters:
    """Mails to the customer of an order; where there is no address any more, the timeline says what follows."""

    def __init__(self, effects: Effects, cases: Cases) -> None:
        self._effects = effects
        self._cases = cases

    async def write(
        self, order_id: str, key: str, template: str, values: Mapping[str, str], *, otherwise: str, about: str = ""
    ) -> None:
        """Once per `key`. `about` is what the timeline calls the mail, `otherwise` what follows when nobody can
        be written to."""
        order = await self._cases.find_order(order_id)
        if order is None or not order.email:
            why = "has no mail address" if order else "is erased"
            sentence = f"The customer {why}: {otherwise}"
            await self._cases.write(Entry(order_id, key, "mail_impossible", sentence, {}))
            return
        values = {"order_number": order.number, **values}
        mail = Mail(key, order.email, template, values, order.id, order.language)
        await self._effects.send(mail, f"Mail sent to the customer: {about or template}")


class KnownOrders:
    """Orders as the case file has them; one that no process has read yet is read from the shop, and kept."""

    def __init__(self, process: str, cases: Cases, shop: Shop) -> None:
        self._process = process
        self._cases = cases
        self._shop = shop

    async def get(self, order_id: str) -> Order:
        """NeedsHuman when the shop has none either."""
        order = await self._cases.find_order(order_id)
        if order is None:
            order = await self._shop.get_order(order_id)
            await self._cases.describe(self._process, order)
        return order

    async def find(self, order_id: str) -> Order | None:
        """The same, or None when the shop has none either."""
        try:
            return await self.get(order_id)
        except NeedsHuman:
            return None


class Handover:
    """Tells another process of ours something: through the inbox, like everything that reaches the engine."""

    def __init__(self, database: Database, bell: Bell, settings: Settings) -> None:
        self._database = database
        self._bell = bell
        self._settings = settings

    async def tell(self, process: str, message: Message, payload: MessagePayload) -> None:
        """Stored once for ever by message and key, so a job that runs again tells nothing new."""
        arrival = arrival_of(
            process,
            message,
            payload,
            source="worker",
            body=payload.model_dump_json().encode(),
            trace_id=job.trace if (job := current_job()) else "",
            settings=self._settings,
        )
        if await inbox.add(self._database, arrival):
            self._bell.ring()


@dataclass(frozen=True, slots=True)
class Question:
    """What a customer is asked. `id` is the correlation key of the one message that answers it."""

    id: str
    kind: RequestKind
    template: str
    """Name of the mail that carries the link."""
    facts: Mapping[str, Any]
    """What the page shows; `problems` (sentences) goes into the mail too."""
    lasts: timedelta


class Questions:
    """Asks customers: a mail with a signed link to a page, open until answered, closed or expired."""

    def __init__(self, effects: Effects, cases: Cases, requests: CustomerRequests, links: Links) -> None:
        self._letters = Letters(effects, cases)
        self._requests = requests
        self._links = links

    async def ask(self, question: Question, order: Order) -> None:
        """Open the request and mail its link. Once per question id."""
        facts = {"order_number": order.number, **question.facts}
        request = await self._requests.open(
            question.id, case_id=order.id, kind=question.kind, facts=facts, lasts=question.lasts
        )
        values = {
            "expires_on": f"{request.expires_at:%d %B %Y}",
            "problems": "\n".join(question.facts.get("problems", ())),
        }
        await self._mail(f"mail:{question.id}", question, order, values)

    async def remind(self, question: Question, order: Order) -> None:
        """Mail the link again. Once per question id."""
        await self._mail(f"mail:{question.id}:reminder", question, order, {})

    async def _mail(self, key: str, question: Question, order: Order, values: Mapping[str, str]) -> None:
        values = {"link": self._links.url_for(question.id, question.kind), **values}
        await self._letters.write(order.id, key, question.template, values, otherwise="only an agent can answer")

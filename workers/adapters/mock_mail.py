"""The mocked mail service: mails are rendered and kept, one per key, for people and tests to read."""

from sqlalchemy import select

from workers.adapters.mail_render import letter, render
from workers.adapters.mock_behaviour import Call, Kind, Misbehaviour, perform
from workers.adapters.mock_books import MailRow
from workers.adapters.mock_world import MockWorld
from workers.ports.mail import Letter, Mail, SentMail
from workers.runtime.errors import NeedsHuman


class MockMailer:
    """Implements ports.mail.Mailer. A behaviour's target may be an order id, a template, a key or an address."""

    def __init__(self, world: MockWorld) -> None:
        self._world = world

    async def send(self, mail: Mail) -> SentMail:
        """Send once per key. Raises EffectConflict when the key stands for another mail."""
        rendered = render(mail)
        wanted = {
            "to": mail.to,
            "template": mail.template,
            "order_id": mail.order_id,
            "values": dict(mail.values),
        }
        content = {
            "subject": rendered.subject,
            "text": rendered.text,
            "html": rendered.html,
            "links": list(rendered.links),
        }

        async def execute(misbehaviour: Misbehaviour) -> MailRow:
            if await misbehaviour.strikes(Kind.REFUSED):
                raise NeedsHuman(f"Order {mail.order_id}: the customer's mail address cannot be reached.")
            forgotten = await misbehaviour.strikes(Kind.KEY_FORGOTTEN) is not None
            return await self._world.keep(MailRow, mail.key, wanted | content, forgotten=forgotten)

        about = frozenset({mail.key, mail.order_id, mail.template, mail.to})
        row = await perform(self._world, Call("mail.send", mail.key, about), execute)
        row.must_be(wanted, "mail")
        return _to_mail(row)

    async def find(self, key: str) -> SentMail | None:
        """The mail sent under this key, or None."""

        async def execute(_: Misbehaviour) -> MailRow | None:
            return await self._world.row(select(MailRow).where(MailRow.key == key))

        row = await perform(self._world, Call("mail.find", key, frozenset({key})), execute)
        return _to_mail(row) if row else None

    def letter(self, mail: Mail) -> Letter:
        """What the mail says."""
        return letter(mail)


def _to_mail(row: MailRow) -> SentMail:
    return SentMail(f"M-{row.number}", row.key)

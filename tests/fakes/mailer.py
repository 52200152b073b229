from tests.fakes.faults import Faults
from workers.adapters.mail_render import letter, render
from workers.ports.mail import Letter, Mail, SentMail
from workers.runtime.errors import EffectConflict


class FakeMailer(Faults):
    """Implements ports.mail.Mailer; a mail that the templates cannot render is refused as by the real one."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: dict[str, Mail] = {}

    async def send(self, mail: Mail) -> SentMail:
        self._begin("send")
        render(mail)
        known = self.mails.setdefault(mail.key, mail)
        self._end("send")
        if known != mail:
            raise EffectConflict(f"The mail service already has another mail under key {mail.key}.")
        return SentMail(f"M-{mail.key}", mail.key)

    async def find(self, key: str) -> SentMail | None:
        self._begin("find")
        return SentMail(f"M-{key}", key) if key in self.mails else None

    def letter(self, mail: Mail) -> Letter:
        return letter(mail)

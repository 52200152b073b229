"""What every mail adapter and its fake must do."""

from dataclasses import replace

import pytest

from tests.fakes import FakeMailer
from workers.adapters.mock_mail import MockMailer
from workers.adapters.mock_world import MockWorld
from workers.ports.mail import Mail, Mailer
from workers.runtime.errors import EffectConflict, NeedsHuman

VALUES = {"order_number": "#1001", "link": "https://shop.example.com/choice/abc", "expires_on": "5 March 2026"}


@pytest.fixture(params=["mock", "fake"])
def mailer(request: pytest.FixtureRequest, world: MockWorld) -> Mailer:
    return FakeMailer() if request.param == "fake" else MockMailer(world)


@pytest.fixture
def mail(unique: str) -> Mail:
    return Mail(f"choice:{unique}", "ada@example.com", "fulfillment_ask_refund_or_wait", VALUES, unique)


async def test_one_key_is_sent_once(mailer: Mailer, mail: Mail) -> None:
    sent = await mailer.send(mail)
    assert sent.key == mail.key
    assert await mailer.send(mail) == sent
    assert await mailer.find(mail.key) == sent


async def test_what_was_not_sent_is_not_found(mailer: Mailer, mail: Mail) -> None:
    assert await mailer.find(mail.key) is None


async def test_a_key_stands_for_one_mail_only(mailer: Mailer, mail: Mail) -> None:
    await mailer.send(mail)
    with pytest.raises(EffectConflict, match=mail.key):
        await mailer.send(replace(mail, to="someone.else@example.com"))


@pytest.mark.parametrize(
    "to", ["", "nobody", "a@b", "a@example.com\r\nBcc: b@example.com", "a@x.org,b@x.org", "a @x.org"]
)
async def test_an_address_no_mail_can_reach_needs_a_human(mailer: Mailer, mail: Mail, to: str) -> None:
    with pytest.raises(NeedsHuman, match="mail address") as error:
        await mailer.send(replace(mail, to=to))
    assert not to or to not in str(error.value)
    assert await mailer.find(mail.key) is None


async def test_a_line_break_in_the_subject_needs_a_human(mailer: Mailer, mail: Mail) -> None:
    with pytest.raises(NeedsHuman, match="line break"):
        await mailer.send(replace(mail, values={**VALUES, "order_number": "#1\r\nBcc: b@example.com"}))


async def test_a_value_the_template_lacks_needs_a_human(mailer: Mailer, mail: Mail) -> None:
    with pytest.raises(NeedsHuman, match="order_number"):
        await mailer.send(replace(mail, values={"link": "https://shop.example.com"}))


async def test_a_template_there_is_none_of_needs_a_human(mailer: Mailer, mail: Mail) -> None:
    with pytest.raises(NeedsHuman, match="no mail template"):
        await mailer.send(replace(mail, template="love_letter"))

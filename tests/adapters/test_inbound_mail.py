"""Mails as a mail service hands them over, and what they belong to."""

from typing import Any

import pytest

from workers.adapters.inbound_mail import InboundMail, read

MAIL = {
    "sender": "bounces+ada=example.com@mail.example.net",
    "from": "Ada Example <Ada@example.com>",
    "subject": "Where is my\r\n lamp?",
    "Message-Id": "<first@example.com>",
    "Date": "Mon, 2 Mar 2026 10:00:00 +0100",
    "body-plain": "It should have come.\n> quoted",
    "stripped-text": "It should have come.",
}


def mail(**changes: str) -> InboundMail:
    found = read({**MAIL, **{name.replace("_", "-"): text for name, text in changes.items()}})
    assert found is not None
    return found


def test_a_mail_is_from_whom_its_header_says_and_without_what_it_quotes() -> None:
    written = mail().written
    assert (written.email, written.name, written.subject) == (
        "ada@example.com",
        "Ada Example",
        "Where is my lamp?",
    )
    assert written.text == "It should have come."
    assert str(written.sent_at) == "2026-03-02 09:00:00+00:00"
    assert written.ticket_id == f"mail-{written.message_id}"


def test_its_id_is_told_to_nobody() -> None:
    assert "example.com" not in mail().written.message_id


def test_without_a_header_the_service_says_who_has_sent_it() -> None:
    found = read({"Sender": "ada@example.com", "subject": "Hi"})
    assert found is not None
    assert found.written.email == "ada@example.com"


def test_without_plain_text_the_html_is_read() -> None:
    assert mail(body_plain="", stripped_text=" ", body_html="<p>Come <b>on</b></p>").written.text == "Come on"


def test_a_reply_belongs_where_its_first_mail_does_whichever_comes_first() -> None:
    first = mail().written
    reply = mail(Message_Id="<3@example.com>", References="<first@example.com>\r\n <ours@shop.example>")
    assert reply.written.ticket_id == first.ticket_id
    assert reply.written.message_id != first.message_id
    assert reply.answers[0] == first.message_id
    assert (
        mail(Message_Id="<3@example.com>", In_Reply_To="<first@example.com>").written.ticket_id == first.ticket_id
    )


def test_the_same_ids_from_somebody_else_are_others() -> None:
    mine, others = mail(), mail(**{"from": "eve@example.com"})
    assert mine.written.message_id != others.written.message_id
    assert mine.written.ticket_id != others.written.ticket_id


def test_a_ticket_named_in_the_subject_is_found() -> None:
    assert mail(subject="Re: [ticket mail-ab12] lamp").names == "mail-ab12"
    assert mail(subject="Re: [ticket ] lamp").names is None


def test_a_mail_without_an_id_is_known_by_what_it_says() -> None:
    bare = mail(Message_Id="").written
    assert bare == mail(Message_Id="no brackets").written
    assert bare.message_id != mail(Message_Id="", stripped_text="Hello?").written.message_id


@pytest.mark.parametrize(
    "headers",
    [{"Auto-Submitted": "auto-replied"}, {"auto-submitted": "auto-generated; x=1"}, {"Precedence": "bulk"}],
)
def test_what_a_machine_writes_by_itself_is_no_customer_s_mail(headers: dict[str, str]) -> None:
    assert read({**MAIL, **headers}) is None
    assert read({**MAIL, "Auto-Submitted": "no", "Precedence": "list"}) is not None


@pytest.mark.parametrize("sender", ["", "nobody", "a@b", "a@example.com\r\nx: y@"])
def test_a_mail_from_nobody_is_refused(sender: str) -> None:
    fields: dict[str, Any] = {**MAIL, "sender": sender, "from": sender}
    with pytest.raises(ValueError, match="no mail address"):
        read(fields)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Mar 2026 10:00:00 +0100"])
def test_a_strange_date_is_none(date: str) -> None:
    assert mail(Date=date).written.sent_at is None


def test_many_references_are_bounded() -> None:
    assert len(mail(References=" ".join(f"<{n}@x>" for n in range(500))).answers) == 50

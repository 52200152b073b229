"""What Zendesk tells, and what of it a customer has said."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from workers.adapters.zendesk_events import read
from workers.casefile.ticket_models import Channel

TICKET = {
    "id": "35436",
    "subject": "Where is my lamp?",
    "description": "It should have come.",
    "requester_id": "77",
    "submitter_id": "77",
    "created_at": "2026-03-02T09:00:00Z",
}
COMMENT = {"id": "901", "body": "Hello?", "is_public": True, "author": {"id": "77", "is_staff": False}}


def created(**changes: Any) -> dict[str, Any]:
    return {"type": "zen:event-type:ticket.created", "detail": {**TICKET, **changes}, "event": {}}


def commented(**changes: Any) -> dict[str, Any]:
    comment = {name: value for name, value in {**COMMENT, **changes}.items() if value is not None}
    return {"type": "zen:event-type:ticket.comment_added", "detail": TICKET, "event": {"comment": comment}}


def test_what_zendesk_itself_documents_fits(data: Path) -> None:
    written = read(orjson.loads((data / "payloads/zendesk/ticket.created.json").read_bytes()))
    assert written is not None
    assert (written.ticket_id, written.subject, written.text) == ("zendesk-5", "Subject", "Description")


def test_a_ticket_s_description_is_its_first_message() -> None:
    written = read(created())
    assert written is not None
    assert (written.ticket_id, written.message_id, written.channel) == (
        "zendesk-35436",
        "created",
        Channel.ZENDESK,
    )
    assert (written.subject, written.text, written.email) == ("Where is my lamp?", "It should have come.", "")
    assert str(written.sent_at) == "2026-03-02 09:00:00+00:00"


def test_a_comment_is_a_message_of_its_ticket() -> None:
    written = read(commented())
    assert written is not None
    assert (written.ticket_id, written.message_id, written.text) == ("zendesk-35436", "901", "Hello?")


@pytest.mark.parametrize(
    "body",
    [
        {
            "type": "new_comment",
            "ticket": TICKET,
            "comment": {"id": 901, "value": "Hello?", "public": True, "author_id": 77},
        },
        {"type": "comment_added", "ticket": {**TICKET, "latest_comment": {**COMMENT, "plain_body": "Hello?"}}},
        commented(body=None, html_body="<p>Hello?</p>"),
        commented(author={"id": "77"}),
        commented(author={"is_staff": False}),
        commented(author={"id": "77", "is_staff": True}),
    ],
)
def test_triggers_and_events_may_say_it_in_their_own_ways(body: dict[str, Any]) -> None:
    written = read(body)
    assert written is not None
    assert (written.message_id, written.text) == ("901", "Hello?")


@pytest.mark.parametrize(
    "where",
    [
        {"requester": {"name": "Ada\nExample", "email": "Ada@Example.com"}},
        {"requester_email": "ada@example.com", "requester_name": "Ada Example"},
        {"via": {"channel": "email", "source": {"from": {"address": "ada@example.com", "name": "Ada Example"}}}},
    ],
)
def test_the_requester_is_found_where_they_are_told(where: dict[str, Any]) -> None:
    written = read(created(**where))
    assert written is not None
    assert (written.email, written.name) == ("ada@example.com", "Ada Example")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "zen:event-type:ticket.status_changed", "detail": TICKET},
        {"type": "article.published"},
        {"type": 7},
        commented(is_public=False),
        commented(is_public=None),
        commented(is_public="true"),
        commented(author={"id": "88", "is_staff": True}),
        commented(author={}),
        created(submitter_id="88"),
        created(is_public=False),
    ],
)
def test_what_agents_write_and_other_events_are_no_customer_s_message(body: dict[str, Any]) -> None:
    assert read(body) is None


@pytest.mark.parametrize(
    "body",
    [
        {"type": "new_ticket"},
        {"type": "new_ticket", "ticket": []},
        created(id=None),
        created(id="x"),
        created(id=-1),
        created(id=True),
        created(id="9" * 20),
        created(id="\u00b2"),
        created(requester={"email": "nobody"}),
        commented(id=None),
        {"type": "new_comment", "ticket": TICKET},
    ],
)
def test_what_cannot_be_told_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no id|no comment|no mail address"):
        read(body)

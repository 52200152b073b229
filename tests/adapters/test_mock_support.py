"""`orderops mock`, by those who look at helpdesk, phones, chat and advertising."""

import asyncio

import pytest

from tests.adapters.command import mock_command
from workers.adapters.mock_ads import MockAds
from workers.adapters.mock_alerts import MockAlerts
from workers.adapters.mock_helpdesk import MockHelpdesk
from workers.adapters.mock_world import MockWorld
from workers.ports.alerts import Alert, Post

pytestmark = pytest.mark.usefixtures("stack_settings")


async def mock(*arguments: str) -> str:
    return await asyncio.to_thread(mock_command, *arguments)


async def test_replies_are_read_with_how_often_they_were_asked_for(world: MockWorld, unique: str) -> None:
    for _ in range(2):
        await MockHelpdesk(world).send_reply(f"mail-{unique}", unique, "It is [b]on its way[/b].", "en")
    said = await mock("replies", "--ticket", f"mail-{unique}")
    assert "It is [b]on its way[/b]." in said
    assert "2 times" in said
    assert "No ticket has been answered" in await mock("replies", "--ticket", "mail-none")


async def test_a_past_ticket_is_put_there_and_shown(world: MockWorld, unique: str) -> None:
    email = f"{unique}@example.com"
    said = await mock("past-ticket", f"zendesk-{unique}", "--email", email.upper(), "--subject", "Where?")
    assert f"Ticket zendesk-{unique} is at the helpdesk" in said
    [past] = await MockHelpdesk(world).history(email)
    assert past.solved_at is not None
    assert "solved" in await mock("tickets", "--email", email.upper())
    assert "has no tickets" in await mock("tickets", "--email", f"not-{email}")


async def test_alerts_and_posts_are_shown(world: MockWorld, unique: str) -> None:
    await MockAlerts(world).push(Alert(unique, "on-call", f"Smoke {unique}"))
    await MockAlerts(world).post(Post(unique, f"#{unique}", "<!channel> [b]Smoke[/b]"))
    assert f"Smoke {unique}" in await mock("alerts")
    assert "&lt;!channel&gt; [b]Smoke[/b]" in await mock("posts", "--channel", f"#{unique}")
    assert "Nothing has been posted" in await mock("posts", "--channel", "#none")


async def test_campaigns_are_started_and_shown(world: MockWorld, unique: str) -> None:
    assert f"{unique} has 2 campaigns" in await mock("advertise", unique, "search", "social")
    assert f"{unique} has 3 campaigns" in await mock("advertise", unique, "video", "--paused")
    await MockAds(world).pause_campaigns(unique, "incident-1")
    shown = await mock("campaigns", "--product", unique)
    assert shown.count("incident-1") == 2
    assert "people" in shown
    assert "Nothing is advertised" in await mock("campaigns", "--product", "none")

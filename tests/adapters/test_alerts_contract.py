"""What every adapter that calls people, and its fake, must do; and what words from outside cannot do there."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.fakes import FakeAlerts
from workers.adapters.mock_alerts import MockAlerts
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_support_books import AlertRow, PostRow
from workers.adapters.mock_world import MockWorld
from workers.adapters.slack_text import MOST_CHARACTERS, MOST_ON_A_PHONE, escape, leading_to, one_line
from workers.ports.alerts import Alert, Alerts, Post
from workers.runtime.errors import EffectConflict, NeedsHuman, OutcomeUnknown


@pytest.fixture(params=["mock", "fake"])
def alerts(request: pytest.FixtureRequest, world: MockWorld) -> Alerts:
    return FakeAlerts() if request.param == "fake" else MockAlerts(world)


@pytest.fixture
def alert(unique: str) -> Alert:
    return Alert(f"alert:{unique}", "on-call", "A kettle gave a shock")


@pytest.fixture
def post(unique: str) -> Post:
    return Post(f"post:{unique}", "#urgent", "A kettle gave a shock")


async def test_one_key_calls_once(alerts: Alerts, alert: Alert) -> None:
    told = await alerts.push(alert)
    assert told.key == alert.key
    assert await alerts.push(alert) == told
    assert await alerts.find_push(alert.key) == told


async def test_one_key_is_posted_once(alerts: Alerts, post: Post) -> None:
    told = await alerts.post(post)
    assert told.key == post.key
    assert await alerts.post(post) == told
    assert await alerts.find_post(post.key) == told


async def test_what_nobody_was_told_is_not_found(alerts: Alerts, alert: Alert, post: Post) -> None:
    assert await alerts.find_push(alert.key) is None
    assert await alerts.find_post(post.key) is None


async def test_a_key_stands_for_one_thing_only(alerts: Alerts, alert: Alert, post: Post) -> None:
    await alerts.push(alert)
    with pytest.raises(EffectConflict, match=alert.key):
        await alerts.push(replace(alert, to="somebody-else"))
    await alerts.post(post)
    with pytest.raises(EffectConflict, match=post.key):
        await alerts.post(replace(post, channel="#general"))


class TestMisbehaviour:
    async def test_an_answer_that_gets_lost_can_be_looked_up(
        self, world: MockWorld, alert: Alert, post: Post
    ) -> None:
        alerts = MockAlerts(world)
        await misbehave(world, "alerts.push", Kind.ANSWER_LOST, alert.key, times=1)
        await misbehave(world, "alerts.post", Kind.ERROR_AFTER, post.key, times=1)
        with pytest.raises(OutcomeUnknown):
            await alerts.push(alert)
        with pytest.raises(OutcomeUnknown):
            await alerts.post(post)
        assert await alerts.find_push(alert.key) == await alerts.push(alert)
        assert await alerts.find_post(post.key) == await alerts.post(post)

    async def test_people_and_channels_can_be_unknown(self, world: MockWorld, alert: Alert, post: Post) -> None:
        await misbehave(world, "alerts.push", Kind.NOT_FOUND, alert.key)
        with pytest.raises(NeedsHuman, match="on-call"):
            await MockAlerts(world).push(alert)
        await misbehave(world, "alerts.post", Kind.NOT_FOUND, post.key)
        with pytest.raises(NeedsHuman, match="#urgent"):
            await MockAlerts(world).post(post)


class TestWordsFromOutside:
    """Slack reads `<…>` as mentions and links, and finds some of its own accord."""

    @pytest.mark.parametrize(
        "text",
        [
            "<!channel> wake up",
            "<!subteam^S01|all>",
            "<@U012AB3CD>",
            "<#C012AB3CD>",
            "@here @channel @everyone @ada",
            "<https://evil.example|your bank>",
            "https://evil.example/login",
            "HTTP://EVIL.EXAMPLE",
            "www.evil.example",
            "mailto:ada@evil.example",
            "slack://open",
            "&lt;!channel&gt;",
        ],
    )
    async def test_neither_mention_anybody_nor_lead_anywhere(
        self, text: str, world: MockWorld, post: Post
    ) -> None:
        await MockAlerts(world).post(replace(post, text=f"A customer writes: {text}"))
        row = await world.one(select(PostRow).where(PostRow.key == post.key))
        assert not {"<", ">", "@here", "@channel", "@everyone", "@ada", "://", ".example"} & parts(row.text)
        assert row.text.replace("\u2060", "").endswith(
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )

    def test_ampersands_are_escaped_once(self) -> None:
        assert escape("Fish & chips <3 &amp;") == "Fish &amp; chips &lt;3 &amp;amp;"

    def test_figures_and_lines_stay_readable(self) -> None:
        assert escape("12.50 EUR\r\nat 9:30") == "12.50 EUR\nat 9:30"

    @pytest.mark.parametrize("hidden", ["\x00", "\x1b[2J", "\u202e", "\u2066", "\ud800", "\u200b", "\x07"])
    def test_what_is_hidden_is_not_shown(self, hidden: str) -> None:
        assert hidden not in escape(f"a{hidden}b")
        assert hidden not in one_line(f"a{hidden}b")

    def test_what_is_too_long_is_cut(self) -> None:
        assert len(escape("x" * 100_000)) == MOST_CHARACTERS
        assert escape("x" * 100_000).endswith("…")
        assert len(one_line("x" * 100_000)) == MOST_ON_A_PHONE

    async def test_a_phone_shows_one_line(self, world: MockWorld, alert: Alert) -> None:
        await MockAlerts(world).push(replace(alert, message="Smoke\r\n\r\nSOLVED: go\tback to sleep"))
        row = await world.one(select(AlertRow).where(AlertRow.key == alert.key))
        assert row.message == "Smoke SOLVED: go back to sleep"

    async def test_an_address_of_ours_leads_there(self, world: MockWorld, post: Post) -> None:
        await MockAlerts(world).post(replace(post, link="https://ops.example.com/ui/cases/mail-1?a=1&b=2"))
        row = await world.one(select(PostRow).where(PostRow.key == post.key))
        assert row.text.endswith("\n<https://ops.example.com/ui/cases/mail-1?a=1&amp;b=2>")

    @pytest.mark.parametrize(
        "link", ["https://a.example|b>", "javascript:alert(1)", "https://x <!here>", "!channel"]
    )
    def test_what_is_no_address_is_text(self, link: str) -> None:
        assert not {"<", ">", "://"} & parts(leading_to(link))


def parts(text: str) -> set[str]:
    """Every piece of a text."""
    return {
        text[start:end] for start in range(len(text)) for end in range(start + 1, min(len(text), start + 12) + 1)
    }

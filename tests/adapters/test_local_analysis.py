"""What the analysis on this machine understands, and that no text can hurt it."""

import time
from dataclasses import asdict

import orjson
import pytest

from tests.fakes.analysis import FakeAnalysis
from workers.adapters.analysis_text import MOST_CHARACTERS, readable, sentences
from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Analysis, Article, Intent, Ticket, TicketAnalysis

LOCAL = LocalAnalysis()
MUG, LAMP = Article("M1", "Blue Ceramic Mug 300 ml"), Article("L1", "Desk Lamp Oslo")
SECONDS = 1.5
"""For any text at all, on a busy machine; an ordinary one takes a millisecond."""


def understand(text: str, *articles: Article) -> Analysis:
    return LOCAL.understand(Ticket(text, articles))


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    understand("Everything is loaded with the first ticket.")


@pytest.mark.parametrize("analysis", [LOCAL, FakeAnalysis()], ids=["local", "fake"])
async def test_the_port_is_asked_with_await_and_always_names_an_intent(analysis: TicketAnalysis) -> None:
    found = await analysis.analyse(Ticket("hello"))
    assert found.best is found.intents[0]
    assert 0 <= found.best.confidence <= 1
    assert found.labels.intent is found.best.intent


class TestIntents:
    """What the customer wants."""

    @pytest.mark.parametrize(
        ("text", "intent"),
        [
            ("Where is my parcel?", Intent.TRACKING),
            ("wheres my pacel, it shoud be here alredy", Intent.TRACKING),
            ("I want my money back", Intent.REFUND),
            ("Is the jacket waterproof?", Intent.PRODUCT_INFO),
            ("I moved, please send order 1001 to my new address", Intent.ADDRESS_CHANGE),
            ("cancel my order", Intent.CANCEL),
            ("I want to complain about your service", Intent.COMPLAINT),
            ("I forgot my password", Intent.OTHER),
            ("Ich möchte meine Bestellung stornieren", Intent.CANCEL),
            ("¿Dónde está mi pedido?", Intent.TRACKING),
            ("Je veux être remboursé", Intent.REFUND),
            ("how do I delete my account", Intent.OTHER),
            ("cancel my newsletter subscription", Intent.OTHER),
            ("What would it cost to cancel?", Intent.CANCEL),
        ],
    )
    def test_are_understood_in_several_languages_and_with_typos(self, text: str, intent: Intent) -> None:
        assert understand(text).best.intent is intent

    def test_two_wishes_are_both_named(self) -> None:
        found = understand("Where is order 55? It is late. If it is not here tomorrow I want my money back.")
        assert {each.intent for each in found.intents} >= {Intent.TRACKING, Intent.REFUND}

    def test_the_wish_is_found_in_a_long_story(self) -> None:
        story = "We were at the lake on Sunday. The weather was lovely. My sister came along. She brought a cake. "
        assert understand(story + "Please cancel my order 5512. Kind regards, Jo").best.intent is Intent.CANCEL

    def test_nothing_said_is_other(self) -> None:
        assert understand("").best.intent is Intent.OTHER
        assert understand("...!?").best.intent is Intent.OTHER

    def test_the_evidence_is_words_of_the_text(self) -> None:
        text = "Hello, my REFUND has not arrived yet"
        evidence = understand(text).best.evidence
        assert evidence
        assert all(each.words in text for each in evidence)
        assert any(each.words == "REFUND" for each in evidence)


class TestAnger:
    """How angry it sounds."""

    def test_swearing_shouting_and_threats_add_up(self) -> None:
        calm = understand("Could you tell me where my order is, please? Thank you.")
        annoyed = understand("This is the third time I ask where my order is. I am very disappointed.")
        furious = understand("WHERE IS MY FUCKING ORDER??? You idiots, I will call my lawyer!!!")
        assert calm.anger.score < 10 < annoyed.anger.score < furious.anger.score
        assert furious.anger.score >= 70
        assert {"swearing", "insult", "threat"} <= {each.rule for each in furious.anger.evidence}

    @pytest.mark.parametrize(
        "text",
        [
            "Das ist eine Frechheit, ich gehe zum Anwalt!!",
            "¡Son unos ladrones, qué vergüenza!",
            "Escrocs ! J'en ai marre",
        ],
    )
    def test_other_languages_have_their_words(self, text: str) -> None:
        assert understand(text).anger.score >= 30


class TestLanguage:
    """What it is written in."""

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("Where is my order?", "en"),
            ("i wnat to cancle teh order 1234", "en"),
            ("Wo ist meine Bestellung?", "de"),
            ("¿Dónde está mi pedido?", "es"),
            ("Où est ma commande ?", "fr"),
            ("Dov'è il mio ordine?", "it"),
            ("注文はどこですか", "ja"),
            ("Где мой заказ?", "ru"),
        ],
    )
    def test_is_told_by_its_code(self, text: str, code: str) -> None:
        assert understand(text).language.code == code

    @pytest.mark.parametrize("text", ["", "12345", "!!", "a"])
    def test_is_nothing_where_there_are_no_words(self, text: str) -> None:
        assert understand(text).language.code is None


class TestMentions:
    """Order numbers and articles."""

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("where is order #1001?", ("1001",)),
            ("Bestellung Nr. 55012 fehlt", ("55012",)),
            ("orders 1001 and #1002", ("1002",)),
            ("pedido 88123", ("88123",)),
            ("order A-88213 and order 7712", ("A-88213", "7712")),
            ("I paid 1200 dollars on 12.05.2024", ()),
            ("order 1500 € worth of things", ()),
            ("#12", ()),
        ],
    )
    def test_numbers_of_orders(self, text: str, numbers: tuple[str, ...]) -> None:
        assert understand(text).order_numbers == numbers

    def test_the_article_is_one_of_the_customers(self) -> None:
        found = understand("the mug came broken", MUG, LAMP).article
        assert found is not None
        assert found.article is MUG
        assert found.evidence[0].words == "mug"

    def test_no_article_is_guessed(self) -> None:
        assert understand("it came broken", MUG, LAMP).article is None
        assert understand("the mug came broken").article is None


class TestHostileText:
    """No text takes long, fails, or is read without end."""

    @pytest.mark.parametrize(
        "text",
        [
            "a" * 1_000_000,
            "a " * 500_000,
            "!" * 1_000_000,
            "." * 100_000 + "x",
            "order " * 100_000,
            "#123" * 250_000,
            "no no no " * 100_000 + "burned my hand",
            "could child hand cut " * 50_000,
            "my son's hand was not burned, could it " * 20_000,
            "\n" * 1_000_000,
            "' " * 200_000,
            "é" * 100_000,
            "\ufdfa" * 100_000,
            "\u202e\u200b" * 100_000,
            "$1" * 200_000,
            "1,1.1-1/1:" * 100_000,
        ],
        ids=range(16),
    )
    def test_takes_no_time(self, text: str) -> None:
        began = time.perf_counter()
        found = understand(text, MUG, LAMP)
        assert time.perf_counter() - began < SECONDS
        assert found.characters == len(text)
        assert found.characters_read <= MOST_CHARACTERS
        assert found.truncated

    @pytest.mark.parametrize(
        "text", ["\x00", "\ud800", "a\udfffb\x00c", "\ufeff", "\u0301" * 50, "👩‍👩‍👧" * 40, "{{7*7}}"]
    )
    def test_odd_characters_are_harmless_and_can_be_kept(self, text: str) -> None:
        kept = orjson.dumps(asdict(understand(text + " my order is late", MUG)))
        assert b"tracking" in kept

    def test_what_is_beyond_the_limit_is_said_not_to_be_read(self) -> None:
        text = "Where is my order? " * 1_000 + "My son was burned."
        found = understand(text)
        assert found.truncated
        assert not found.unsafe
        assert not understand("short").truncated

    def test_drawn_out_and_hidden_letters_are_understood(self) -> None:
        assert understand("I want a refuuuuuuund").best.intent is Intent.REFUND
        assert understand("re\u200bfund please").best.intent is Intent.REFUND


def test_positions_survive_cleaning() -> None:
    text = readable("Hé\x00llo  wörld. It’s   me")
    words = [text[word.start : word.end] for sentence in sentences(text) for word in sentence.words]
    assert words == ["Hé", "llo", "wörld", "It’s", "me"]

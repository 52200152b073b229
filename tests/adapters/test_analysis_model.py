"""The shipped model is that of the phrases, is data and nothing else, and learns the same from the same."""

import gzip
import json
from pathlib import Path

import pytest

from tests.eval.phrases import gerund, phrases, topics
from tests.eval.train import fingerprint, learn
from workers.adapters.analysis_model import WEIGHTS, load
from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Intent, Ticket

MOST_BYTES = 2_000_000


def test_the_shipped_model_is_that_of_the_phrases() -> None:
    """After a change of phrases or features: make model."""
    assert load().version == fingerprint()


def test_the_model_is_plain_json_and_small() -> None:
    content = json.loads(gzip.decompress(WEIGHTS.read_bytes()))
    assert set(content["topics"]) == set(topics())
    assert WEIGHTS.stat().st_size < MOST_BYTES


def test_a_model_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json.gz"
    path.write_bytes(gzip.compress(b'{"format": 0}'))
    with pytest.raises(ValueError, match="format 1"):
        load(path)


def test_every_intent_has_phrases_in_four_languages() -> None:
    found = {(phrase.intent, phrase.language) for phrase in phrases(6, seed=1, others=6)}
    assert found == {(intent, language) for intent in Intent for language in ("en", "de", "es", "fr")}


def test_the_same_seed_gives_the_same_phrases_and_no_slot_stays_empty() -> None:
    once, again = list(phrases(40, seed=3)), list(phrases(40, seed=3))
    assert once == again
    assert once != list(phrases(40, seed=4))
    assert not [phrase for phrase in once if set("{}(|") & set(phrase.text)]


def test_the_same_phrases_give_the_same_model() -> None:
    known, unseen = list(phrases(30, seed=1)), list(phrases(10, seed=2))
    assert learn(known, unseen) == learn(known, unseen)


def test_phrases_it_was_not_trained_on_are_understood_and_confidence_holds() -> None:
    local = LocalAnalysis()
    pairs = [(phrase, local.understand(Ticket(phrase.text)).best) for phrase in phrases(40, seed=99)]
    right = sum(found.intent is phrase.intent for phrase, found in pairs) / len(pairs)
    sure = sum(found.confidence for _, found in pairs) / len(pairs)
    assert right > 0.96
    assert abs(sure - right) < 0.03


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("get my money", "getting my money"),
        ("change it", "changing it"),
        ("see where it is", "seeing where it is"),
        ("track", "tracking"),
    ],
)
def test_infinitives_are_put_in_ing(phrase: str, expected: str) -> None:
    assert gerund(phrase) == expected

"""The rules for safety: what is a signal, and what only looks like one. One example or more for each."""

import pytest

from workers.adapters.analysis_safety import RULES, Rule, Safety, rules, safety
from workers.adapters.analysis_text import readable, sentences
from workers.ports.analysis import Certainty, Hazard

SIGNALS = [
    ("The iron burned my hand", Hazard.BURN),
    ("the soup maker scalded her arm", Hazard.BURN),
    ("Das Kissen hat meine Haut verbrannt", Hazard.BURN),
    ("the charger caught fire", Hazard.FIRE),
    ("smoke came out of the plug", Hazard.FIRE),
    ("the battery exploded", Hazard.FIRE),
    ("I got shocked by the lamp", Hazard.SHOCK),
    ("it cut my finger", Hazard.CUT),
    ("she is bleeding", Hazard.CUT),
    ("the toy has a sharp edge", Hazard.CUT),
    ("my baby choked on a button", Hazard.CHOKING),
    ("He swallowed a magnet", Hazard.CHOKING),
    ("this is a choking hazard", Hazard.CHOKING),
    ("the paint is toxic", Hazard.POISON),
    ("the shirt gave me hives", Hazard.ALLERGY),
    ("me salió un sarpullido por la crema", Hazard.ALLERGY),
    ("the swing tipped over and my son fell off", Hazard.FALL),
    ("her hair got caught in the wheels", Hazard.TRAPPED),
    ("the ball hit me in the face", Hazard.IMPACT),
    ("we all got food poisoning from it", Hazard.ILLNESS),
    ("he was taken to the emergency room", Hazard.INJURY),
    ("elle a été blessée", Hazard.INJURY),
    ("this product is dangerous", Hazard.INJURY),
    ("the jar cracked and hot wax spilled on my lap", Hazard.BURN),
    ("I lost part of my fingertip in the hinge", Hazard.INJURY),
    ("part of his intestine had to be removed", Hazard.CHOKING),
    ("my grandfather died when the bed rail moved", Hazard.INJURY),
    ("our baby was found unresponsive", Hazard.INJURY),
    ("the stove turned itself on", Hazard.FIRE),
    ("a screw was in the baby food", Hazard.CUT),
    ("the drawstring got caught in a slide", Hazard.CHOKING),
    ("I flew over the handlebars", Hazard.FALL),
    ("the pole struck a guest", Hazard.IMPACT),
    ("the childproof cap failed and my son had it open", Hazard.INJURY),
    ("she slipped under the water and nearly drowned", Hazard.CHOKING),
    ("he was airlifted", Hazard.INJURY),
    ("my son was injured by the headset", Hazard.INJURY),
    ("my husband died using the machine", Hazard.INJURY),
    ("he was unresponsive when the screen cracked", Hazard.INJURY),
    ("my contractor received a shock from it", Hazard.SHOCK),
]
NONE = [
    "It did not burn my hand",
    "no one was injured",
    "Nobody got hurt",
    "the lamp never caught fire",
    "it works without burning the skin",
    "Es hat nicht gebrannt",
    "personne n'a été blessé: non, jamais blessé",
    "I burned a CD",
    "they burned my money",
    "your ad burned a hole in my pocket",
    "you are on fire today",
    "cut the price please",
    "I am sick of waiting",
    "sharp cheddar",
    "it hits the spot",
    "the parcel is stuck in customs",
    "I fell in love with it",
    "Can it burn my skin?",
    "is it safe for children",
    "Could the paint be toxic?",
    "What if it falls on a child?",
    "does this cut well",
    "where is my order",
    "as I recall you promised a refund",
    "a gift for my son",
    "I lost my receipt",
    "the battery died when I charged it",
    "my wife says the phone died after a day",
    "customer service is unresponsive to my mails",
    "we poured hot water over the noodles",
    "the helmet is too big for my daughter's head",
    "the eye shadow palette is broken in pieces",
    "the toothbrush head fell off",
    "I burned the cookies, the oven is off by ten degrees",
    "the stove knobs do not fit my oven",
    "it flew off the shelves",
    "my father passed away and I want to close his account",
    "Other brands gave my cat diarrhea, but not this one.",
    "My dog was throwing up on the old food, since we switched he is fine.",
    "Great for an upset stomach, a cup of this tea settles it.",
    "Too sweet, it made me gag.",
    "What a shock when I saw the price.",
    "It fell off my ear a dozen times.",
    "The screen has sharp colours and the sound is sharp too.",
    "These sticks keep him from swallowing big chunks.",
    "The smoke flavour is strong.",
]


def every_rule() -> list[Rule]:
    return [*(rule for some in rules().by_first.values() for rule in some), *rules().apart]


def of(text: str) -> Safety:
    clean = readable(text)
    return safety(clean, sentences(clean))


@pytest.mark.parametrize(("text", "hazard"), SIGNALS)
def test_harm_is_a_signal(text: str, hazard: Hazard) -> None:
    found = of(text)
    assert hazard in {signal.hazard for signal in found.signals}
    assert all(each.words in text for signal in found.signals for each in signal.evidence)


@pytest.mark.parametrize("text", NONE)
def test_denials_questions_and_figures_of_speech_are_none(text: str) -> None:
    assert of(text).signals == ()


def test_what_was_dismissed_is_told_with_its_reason() -> None:
    reasons = {each.rule.rsplit(": ", 1)[1] for text in NONE for each in of(text).dismissed}
    assert reasons == {"denied", "asked", "figure of speech"}


@pytest.mark.parametrize(
    "text",
    [
        "It did not burn the cloth, it burned my hand",
        "Nobody helped me when the lamp burned my hand",
        "not only did it smoke, it caught fire",
        "I did not know that it burns the skin. It burned my arm.",
        "I burned a CD, and then the drive burned my fingers and I went to the hospital",
        "Why did your toy cut my son's finger?",
        "Do you know that my daughter was hurt by it?",
        "it won't stop bleeding",
        "without warning it caught fire",
    ],
)
def test_a_denial_or_figure_beside_it_hides_no_harm(text: str) -> None:
    assert of(text).signals


def test_a_child_in_one_sentence_and_loose_parts_in_another_is_possible_harm() -> None:
    found = of("I gave it to my toddler. Two screws came off. The wheels are missing.")
    assert [signal.certainty for signal in found.signals][:1] == [Certainty.POSSIBLE]
    assert not of("I gave it to my toddler. Two screws came in the box.").signals


def test_what_could_have_happened_is_possible_and_less_sure() -> None:
    happened, possible = of("my son choked on it"), of("my son could have choked on it")
    assert [signal.certainty for signal in happened.signals[:1]] == [Certainty.HAPPENED]
    assert [signal.certainty for signal in possible.signals[:1]] == [Certainty.POSSIBLE]
    assert possible.confidence < happened.confidence


def test_more_evidence_is_surer() -> None:
    assert of("it cut my finger").confidence < of("it cut my finger, I needed stitches at the hospital").confidence


def test_the_surest_hazard_comes_first() -> None:
    found = of("The charger caught fire and there was smoke, which is dangerous")
    assert found.signals[0].hazard is Hazard.FIRE
    assert [signal.confidence for signal in found.signals] == sorted(
        (signal.confidence for signal in found.signals), reverse=True
    )


def test_every_rule_names_groups_that_exist() -> None:
    """Else it would never be met, and nobody would notice."""
    for each in every_rule():
        assert set(each.all) <= rules().lexicon.groups, each.name


def test_every_hazard_has_a_rule_and_no_name_is_used_twice() -> None:
    every = every_rule()
    assert {rule.hazard for rule in every} == set(Hazard)
    assert len({rule.name for rule in every}) == len(every)
    assert RULES.is_file()

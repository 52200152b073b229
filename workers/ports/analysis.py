"""What a customer's message says: what they want, how angry they are, and whether somebody may get hurt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Intent(StrEnum):
    """What a customer wants."""

    REFUND = "refund"
    """Money or goods back; also how a refund is going, and when one is possible."""
    TRACKING = "tracking"
    """Where the order is, and when it will arrive."""
    PRODUCT_INFO = "product_info"
    """What an article is like: size, material, use, stock."""
    ADDRESS_CHANGE = "address_change"
    """Another address for the delivery."""
    CANCEL = "cancel"
    """No longer wants the order; also what that would cost."""
    COMPLAINT = "complaint"
    """Is not content with the shop, or with what it sent."""
    OTHER = "other"


class Hazard(StrEnum):
    """What may harm somebody."""

    BURN = "burn"
    FIRE = "fire"
    """Smoke, flames and explosions."""
    SHOCK = "shock"
    CUT = "cut"
    """Sharp, splintered or pointed."""
    CHOKING = "choking"
    """Small parts, magnets and batteries that are swallowed; strings around a neck."""
    POISON = "poison"
    ALLERGY = "allergy"
    FALL = "fall"
    """Somebody falls, or something falls on somebody."""
    TRAPPED = "trapped"
    """Fingers, hair or limbs caught, pinched or crushed."""
    IMPACT = "impact"
    """Something hits somebody, or gets into an eye."""
    ILLNESS = "illness"
    INJURY = "injury"
    """Somebody is hurt or in danger, and it is not said by what."""


class Certainty(StrEnum):
    """Whether it happened."""

    HAPPENED = "happened"
    POSSIBLE = "possible"
    """Nobody came to harm, and somebody could have."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why something was concluded."""

    words: str
    """In the customer's words. Personal data: belongs in the case file, never in a log."""
    rule: str
    """Name of the rule, or of the word group in the model, that these words met."""
    weight: float
    """How much they count: from 0 to 1, or below 0 when they speak against it."""


@dataclass(frozen=True, slots=True)
class IntentFound:
    """One thing a customer may want."""

    intent: Intent
    topic: str
    """Finer than the intent, for instance refund_status. Free text of the model: nothing should depend on it."""
    confidence: float
    """How often somebody who believes it is right: calibrated, from 0 to 1."""
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Anger:
    """How angry somebody sounds, from 0 (friendly) to 100 (furious)."""

    score: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """What a message is written in."""

    code: str | None
    """ISO 639-1; None when there is too little to tell."""
    confidence: float


@dataclass(frozen=True, slots=True)
class SafetySignal:
    """Somebody came to harm through an article, or may."""

    hazard: Hazard
    certainty: Certainty
    confidence: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Article:
    """Something the customer bought."""

    sku: str
    title: str


@dataclass(frozen=True, slots=True)
class ArticleFound:
    """Which of the customer's articles a message is about."""

    article: Article
    confidence: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A message to analyse. Its text is data, whatever it says."""

    text: str
    articles: tuple[Article, ...] = ()
    """What the customer bought, when that is known."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What a person can say of a message: confirmed or corrected in a form, models are judged by it."""

    intent: Intent
    anger: int
    safety: bool


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that was understood of one message, with the evidence."""

    intents: tuple[IntentFound, ...]
    """The best first; never empty, and OTHER when nothing was understood."""
    anger: Anger
    language: Language
    safety: tuple[SafetySignal, ...]
    """The surest first."""
    dismissed: tuple[Evidence, ...]
    """What looks like a safety signal and is none: denied, asked, or a figure of speech. The rule says which."""
    damage: tuple[Evidence, ...]
    """Where it says that goods are damaged or do not work; nothing that is denied or only asked."""
    safety_confidence: float
    """That there is any safety signal, from all the evidence together."""
    article: ArticleFound | None
    order_numbers: tuple[str, ...]
    """Without the #, in the order of the text."""
    characters: int
    """Length of the message."""
    characters_read: int
    """How many of them were analysed: the rest was too much."""
    source: str
    """Which adapter and version found it; after a fallback also why."""

    @property
    def best(self) -> IntentFound:
        """What the customer most likely wants."""
        return self.intents[0]

    @property
    def unsafe(self) -> bool:
        """Whether a person has to look because somebody may get hurt."""
        return bool(self.safety)

    @property
    def truncated(self) -> bool:
        """Whether only the beginning was read."""
        return self.characters_read < self.characters

    @property
    def labels(self) -> Labels:
        """What a person is asked to confirm."""
        return Labels(intent=self.best.intent, anger=self.anger.score, safety=self.unsafe)


class TicketAnalysis(Protocol):
    """Understands messages.

    Never fails for what a message says: hostile, empty or endless text has an analysis, too. Changes nothing
    outside, so asking again is harmless.
    """

    async def analyse(self, ticket: Ticket) -> Analysis:
        """What this message says."""
        ...

"""An analysis that says what the test wants, and remembers what it was asked."""

from workers.ports.analysis import (
    Analysis,
    Anger,
    Certainty,
    Evidence,
    Hazard,
    Intent,
    IntentFound,
    Language,
    SafetySignal,
    Ticket,
)


class FakeAnalysis:
    """Implements ports.analysis.TicketAnalysis."""

    def __init__(self, intent: Intent = Intent.OTHER, *, confidence: float = 0.9, unsafe: bool = False) -> None:
        self.asked: list[Ticket] = []
        self.intent, self.confidence, self.anger = intent, confidence, 0
        self.unsafe = unsafe
        self.damaged = False

    async def analyse(self, ticket: Ticket) -> Analysis:
        """What the test wants."""
        self.asked.append(ticket)
        signal = SafetySignal(Hazard.INJURY, Certainty.HAPPENED, 0.9, ())
        return Analysis(
            intents=(IntentFound(self.intent, self.intent.value, self.confidence, ()),),
            anger=Anger(self.anger, ()),
            language=Language("en", 1.0),
            safety=(signal,) if self.unsafe else (),
            dismissed=(),
            damage=(Evidence("broken", "damaged", 1.0),) if self.damaged else (),
            safety_confidence=0.9 if self.unsafe else 0.0,
            article=None,
            order_numbers=(),
            characters=len(ticket.text),
            characters_read=len(ticket.text),
            source="fake",
        )

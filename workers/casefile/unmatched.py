"""Messages that may come before anybody can wait for them, or be about nothing of ours: until one is taken.

An instance takes a message under its name and correlation key: from then on all of that name and key are matched,
those that come later included. So are those about a parcel that the shop was told of: an instance that found it by
asking may have needed no message, and have ended when the first one comes.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, exists, func, literal_column, not_, or_, update
from sqlalchemy.orm import aliased

from workers.casefile.direct import Statement
from workers.casefile.models import Effect, InboxRow
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table
from workers.casefile.record_models import Instance

COMES_EARLY = timedelta(minutes=10)
"""So long a message may lie before people are shown that nobody has taken it."""

_INBOX = table("inbox")
_taken = given(_INBOX, "message_name", "correlation_key")
_MATCH = (
    update(_INBOX)
    .values(matched=True)
    .where(
        _INBOX.c.message_name == _taken.c.message_name,
        _INBOX.c.correlation_key == _taken.c.correlation_key,
        _INBOX.c.matched.is_not(None),
        _INBOX.c.matched.is_(False),
    )
)
_same = aliased(InboxRow)
_KNOWN = or_(
    exists().where(
        _same.correlation_key == InboxRow.correlation_key,
        _same.message_name == InboxRow.message_name,
        _same.matched.is_not(None),
        _same.matched.is_(True),
    ),
    exists().where(Instance.correlation_key == InboxRow.correlation_key),
    exists().where(
        Effect.kind == literal_column("'fulfillment'"),  # as ix_effects_parcel has it
        Effect.request.op("->>")(literal_column("'tracking_number'")) == InboxRow.correlation_key,
    ),
)


MATCH_NEW = Statement(
    update(_INBOX).where(_INBOX.c.id == bindparam("inbox_id", type_=BigInteger()), _KNOWN).values(matched=True)
)
"""A message that just came, if its key is known already: a late scan of a parcel of ours is no riddle."""


async def match_taken(tables: Tables, news: Sequence[Reduced]) -> None:
    """All messages of which these records say that an instance took one. Idempotent."""
    told = [record.facts or {} for record in news if record.value_type == "PROCESS_MESSAGE_SUBSCRIPTION"]
    taken = {(facts["messageName"], facts["correlationKey"]) for facts in told if "correlationKey" in facts}
    await tables.put(_MATCH, [{"message_name": name, "correlation_key": key} for name, key in sorted(taken)])


def unmatched() -> ColumnElement[bool]:
    """Of the rows that people should see."""
    lain = InboxRow.received_at < func.now() - COMES_EARLY
    return and_(InboxRow.matched.is_(False), InboxRow.published_at.is_not(None), lain, not_(_KNOWN))

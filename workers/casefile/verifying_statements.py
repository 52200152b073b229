"""What the verification reads. Nothing here judges: that is in verifying.py."""

from sqlalchemy import BigInteger, DateTime, Select, Text, bindparam, case, exists, func, select, tuple_

from workers.casefile.audit_models import AuditAnchor, AuditEntry, AuditHead, AuditProgress
from workers.casefile.direct import Statement
from workers.casefile.models import TimelineEntry
from workers.casefile.seal import ERASED, ERASED_UP_TO, OPEN, PERSONAL, UNSEALED

PAGE = 5_000
STRAYS_SHOWN = 1_000

_CASE = bindparam("of_case", type_=Text())
_AFTER = bindparam("after", type_=BigInteger())
_UNTIL = bindparam("until", type_=BigInteger())


def _entries() -> Select[*tuple[object, ...]]:
    """By case, and in the order of their chains; with what their timeline entries say now."""
    return (
        select(
            AuditEntry.case_id,
            AuditEntry.seq,
            AuditEntry.number,
            AuditEntry.timeline_id,
            AuditEntry.digest,
            AuditEntry.hash,
            TimelineEntry.id.is_not(None).label("there"),
            OPEN.label("opened"),
            PERSONAL.label("personal"),
            TimelineEntry.erased_digest,
            case((TimelineEntry.kind == ERASED, TimelineEntry.facts[ERASED_UP_TO].astext)).label("erased_up_to"),
            AuditHead.seq.label("head_seq"),
            AuditHead.hash.label("head_hash"),
        )
        .outerjoin(TimelineEntry, TimelineEntry.id == AuditEntry.timeline_id)
        .outerjoin(AuditHead, AuditHead.case_id == AuditEntry.case_id)
        .where(tuple_(AuditEntry.case_id, AuditEntry.seq) > tuple_(_CASE, bindparam("after", type_=BigInteger())))
        .order_by(AuditEntry.case_id, AuditEntry.seq)
        .limit(PAGE)
    )


ENTRIES = Statement(_entries())
ENTRIES_OF_CASE = Statement(_entries().where(AuditEntry.case_id == _CASE))
_LOST = select(AuditHead.case_id, AuditHead.seq).where(~exists().where(AuditEntry.case_id == AuditHead.case_id))
LOST_CHAINS = Statement(_LOST)
LOST_CHAIN_OF_CASE = Statement(_LOST.where(AuditHead.case_id == _CASE))
_STRAYS = (
    select(TimelineEntry.case_id, TimelineEntry.id)
    .where(
        TimelineEntry.id <= select(AuditProgress.sealed_up_to).scalar_subquery(),
        ~exists().where(AuditEntry.timeline_id == TimelineEntry.id),
    )
    .limit(STRAYS_SHOWN)
)
STRAYS = Statement(_STRAYS)
"""Timeline entries that should be sealed and are not."""
STRAYS_OF_CASE = Statement(_STRAYS.where(TimelineEntry.case_id == _CASE))
OVERDUE = Statement(
    select(func.count().label("entries"), func.min(TimelineEntry.case_id).label("case_id")).where(
        UNSEALED, TimelineEntry.recorded_at < bindparam("settled", type_=DateTime(timezone=True))
    )
)
"""Entries that wait for the sealer for too long, and the case of one of them."""
OF_DIGEST = Statement(
    select(AuditEntry.seq).where(
        AuditEntry.case_id == _CASE, AuditEntry.digest == bindparam("with_digest", type_=AuditEntry.digest.type)
    )
)
PROGRESS = Statement(select(AuditProgress.entries))
HASHES = Statement(
    select(AuditEntry.number, AuditEntry.hash)
    .where(AuditEntry.number > _AFTER)
    .order_by(AuditEntry.number)
    .limit(PAGE)
)
ANCHORS = Statement(
    select(*AuditAnchor.__table__.columns)
    .where(AuditAnchor.number > _AFTER)
    .order_by(AuditAnchor.number)
    .limit(PAGE)
)
CASES_BETWEEN = Statement(
    select(
        func.count(AuditEntry.case_id.distinct()).label("cases"), func.min(AuditEntry.case_id).label("one")
    ).where(AuditEntry.number > _AFTER, AuditEntry.number <= _UNTIL)
)
"""How many cases entries with such numbers belong to, and one of them."""

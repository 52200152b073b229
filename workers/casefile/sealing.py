"""Seals the timeline: each entry, once committed, is linked to the chain of its case, and the chains are anchored.

Writers know nothing of it. Entries become visible in another order than their ids were given out, and some ids are
never used. A bound, up to which every entry that there will ever be is sealed, moves only over ids whose writers
have all ended; what is found above it is sealed too, in the order in which it is found.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    Text,
    bindparam,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.audit_models import AuditAnchor, AuditEntry, AuditHead, AuditProgress
from workers.casefile.db import SCHEMA, Database
from workers.casefile.models import TimelineEntry
from workers.casefile.seal import BEGINNING, DIGEST, anchor_hash, link

BATCH = 5_000
"""Entries sealed in one transaction: some tenths of a second."""
ANCHOR_EVERY = timedelta(minutes=1)
ANCHOR_ENTRIES = 100_000
"""With so many an anchor does not wait for its time, and no anchor covers more."""
ANCHORS_AT_ONCE = 1_000

_AFTER = bindparam("after", type_=BigInteger())
_SEALED = exists().where(AuditEntry.timeline_id == TimelineEntry.id, AuditEntry.timeline_id > _AFTER)
_FRESH = (
    select(TimelineEntry.id, TimelineEntry.case_id, DIGEST.label("digest"))
    .where(TimelineEntry.id > _AFTER, ~_SEALED)
    .order_by(TimelineEntry.id)
    .limit(bindparam("batch", type_=BigInteger()))
    .cte("fresh")
)
_PLACED = (
    select(
        *_FRESH.c,
        (bindparam("entries", type_=BigInteger()) + func.row_number().over(order_by=_FRESH.c.id)).label("number"),
        (
            func.coalesce(AuditHead.seq, 0)
            + func.row_number().over(partition_by=_FRESH.c.case_id, order_by=_FRESH.c.id)
        ).label("seq"),
        func.coalesce(AuditHead.hash, bindparam("beginning", BEGINNING, LargeBinary)).label("head"),
    )
    .outerjoin(AuditHead, AuditHead.case_id == _FRESH.c.case_id)
    .cte("placed")
)
_CHAINED = select(
    _PLACED,
    func.orderops.audit_chain(
        _PLACED.c.head, link(_PLACED.c.case_id, _PLACED.c.seq, _PLACED.c.id, _PLACED.c.digest), type_=LargeBinary
    )
    .over(partition_by=_PLACED.c.case_id, order_by=_PLACED.c.seq, rows=(None, 0))
    .label("hash"),
).cte("chained")
_LINKED = (
    insert(AuditEntry)
    .from_select(
        ["number", "case_id", "seq", "timeline_id", "digest", "hash"],
        select(
            _CHAINED.c.number,
            _CHAINED.c.case_id,
            _CHAINED.c.seq,
            _CHAINED.c.id,
            _CHAINED.c.digest,
            _CHAINED.c.hash,
        ).order_by(_CHAINED.c.number),
    )
    .cte("linked")
)
_LAST = (
    select(_CHAINED.c.case_id, _CHAINED.c.seq, _CHAINED.c.hash)
    .ext(distinct_on(_CHAINED.c.case_id))
    .order_by(_CHAINED.c.case_id, _CHAINED.c.seq.desc())
)
_ENDS = insert(AuditHead).from_select(["case_id", "seq", "hash"], _LAST)
_HEADS = _ENDS.on_conflict_do_update(
    index_elements=[AuditHead.case_id], set_={"seq": _ENDS.excluded.seq, "hash": _ENDS.excluded.hash}
).cte("heads")
_SEAL = select(func.count().label("sealed"), func.max(_CHAINED.c.id).label("last")).add_cte(_LINKED, _HEADS)
"""Seal what is not sealed, the oldest first, in one statement."""

_LOCKS = table("pg_locks", *map(column, ("database", "relation", "mode", "granted", "virtualtransaction")))
_DATABASES = table("pg_database", column("oid"), column("datname"))
_THIS = select(_DATABASES.c.oid).where(_DATABASES.c.datname == func.current_database()).scalar_subquery()
_WRITING = (
    select(_LOCKS.c.virtualtransaction)
    .where(
        _LOCKS.c.relation == literal_column(f"'{SCHEMA}.timeline'::regclass"),
        _LOCKS.c.database == _THIS,
        _LOCKS.c.mode == "RowExclusiveLock",
        _LOCKS.c.granted,
    )
    .scalar_subquery()
)
_LOOK = select(
    func.coalesce(select(func.max(TimelineEntry.id)).scalar_subquery(), 0).label("reached"),
    func.array(_WRITING, type_=ARRAY(Text)).label("writers"),
    select(AuditProgress.sealed_up_to).scalar_subquery().label("sealed_up_to"),
)
"""The highest id that is visible, and every transaction that may have an id below it and is not visible yet: who
inserts has this lock before having an id, and until the end."""

_BETWEEN = AuditEntry.number > bindparam("after"), AuditEntry.number <= bindparam("until")
_COVERED = select(
    func.sha256(
        func.string_agg(AuditEntry.hash, aggregate_order_by(literal_column("''::bytea"), AuditEntry.number))
    ),
    func.count().filter(AuditEntry.seq == 1),
    func.now(),
).where(*_BETWEEN)


@dataclass(slots=True)
class _Sight:
    """What one sealer has seen of the writers."""

    certain: int = 0
    """Up to this id, nothing will become visible any more."""
    reached: int = 0
    """Up to this one neither, once `writers` have ended."""
    writers: frozenset[str] = frozenset()

    def see(self, reached: int, writers: frozenset[str]) -> None:
        """One more look."""
        if self.writers.isdisjoint(writers):
            self.certain = self.reached if writers else reached
            self.reached, self.writers = reached, writers
        self.certain = min(self.certain, reached)


class Seals:
    """Seals entries and makes anchors. Any number may be at it: one at a time does something."""

    def __init__(self, database: Database, batch: int = BATCH) -> None:
        self.batch = batch
        self._database = database
        self._sight = _Sight()

    def forget(self) -> None:
        """After the connection was lost: it may be another server now, with other writers."""
        self._sight = _Sight()

    async def seal(self) -> int:
        """Seal a batch. How many entries it were: 0 too while somebody else is at it.

        Idempotent: an entry is sealed once, in one transaction with everything that says so.
        """
        async with self._database.transaction() as session:
            look = (await session.execute(_LOOK)).one()
            self._sight.see(look.reached, frozenset(look.writers))
            if look.sealed_up_to is None:
                raise RuntimeError("audit_progress has lost its row")
            if look.reached <= look.sealed_up_to:
                return 0
            progress = await _locked(session)
            return await self._seal(session, progress) if progress else 0

    async def _seal(self, session: AsyncSession, progress: AuditProgress) -> int:
        values = {"after": progress.sealed_up_to, "batch": self.batch, "entries": progress.entries}
        sealed, last = (await session.execute(_SEAL, values)).one()
        bound = min(last, self._sight.certain) if sealed == self.batch else self._sight.certain
        progress.entries += sealed
        progress.sealed_up_to = max(progress.sealed_up_to, bound)
        return int(sealed)

    async def anchor(self, every: timedelta = ANCHOR_EVERY) -> AuditAnchor | None:
        """A new anchor, when the last one is older than `every` and there is something new, or very much of it."""
        async with self._database.transaction() as session:
            progress = await _locked(session)
            last = await session.scalar(select(AuditAnchor).order_by(AuditAnchor.number.desc()).limit(1))
            covered = last.entries if last else 0
            if progress is None or progress.entries <= covered:
                return None
            young = last and await session.scalar(select(literal(last.made_at) > func.now() - every))
            if young and progress.entries - covered < ANCHOR_ENTRIES:
                return None
            anchor = await _new_anchor(session, last, min(progress.entries, covered + ANCHOR_ENTRIES))
            session.add(anchor)
        return anchor

    async def anchors(self, since: int) -> list[AuditAnchor]:
        """Those from this number on; not all at once when there are very many."""
        async with self._database.sessions() as session:
            found = select(AuditAnchor).where(AuditAnchor.number >= since).order_by(AuditAnchor.number)
            return list(await session.scalars(found.limit(ANCHORS_AT_ONCE)))


async def _locked(session: AsyncSession) -> AuditProgress | None:
    """The one row, locked; None while somebody else has it."""
    row = select(AuditProgress).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return await session.scalar(row)


async def _new_anchor(session: AsyncSession, last: AuditAnchor | None, entries: int) -> AuditAnchor:
    values: dict[str, Any] = {"after": last.entries if last else 0, "until": entries}
    digest, cases, now = (await session.execute(_COVERED, values)).one()
    anchor = AuditAnchor(
        number=last.number + 1 if last else 1,
        made_at=now,
        entries=entries,
        cases=cases + (last.cases if last else 0),
        digest=digest,
    )
    anchor.hash = anchor_hash(last.hash if last else BEGINNING, anchor)
    return anchor

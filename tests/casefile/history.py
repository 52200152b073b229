"""A history of a few cases, its sealing, and somebody with every right in the database who changes it."""

from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

from sqlalchemy import select, text

from workers.casefile import anchors
from workers.casefile.anchors import Told
from workers.casefile.audit_models import AuditAnchor, AuditEntry, AuditHead
from workers.casefile.cases import Cases, Entry
from workers.casefile.db import Database
from workers.casefile.findings import Finding
from workers.casefile.models import Case, TimelineEntry
from workers.casefile.seal import BEGINNING, DIGEST, anchor_hash, hash_of
from workers.casefile.sealing import Seals
from workers.casefile.verifying import Verification, snapshot
from workers.runtime.sealer import Sealer

OF_AUDIT = "timeline, audit, audit_heads, audit_anchors, audit_progress"
OF_CASES = "cases, customer_requests, inbox, records, instances"


@dataclass
class History:
    """Everything that is written here has a case and a number of its own."""

    database: Database
    file: Path
    seals: Seals = field(init=False)
    numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.seals = Seals(self.database)

    async def write(self, case_id: str, entries: int = 1) -> None:
        for _ in range(entries):
            number = next(self.numbers)
            facts = {"number": number, "price": 1.10, "name": "Zoë “O'Hara”"}
            await Cases(self.database).write(Entry(case_id, f"key-{number}", "noted", f"Noted as {number}", facts))

    async def seal(self) -> None:
        while await self.seals.seal():
            pass

    async def anchor(self) -> None:
        """Anchor what is new, and tell it to the file."""
        await self.seals.anchor(every=timedelta(0))
        await Sealer(self.seals, self.file).anchor()

    async def sealed(self, case_id: str, entries: int = 1) -> None:
        await self.write(case_id, entries)
        await self.seal()

    async def finish(self, case_id: str) -> None:
        async with self.database.transaction() as session:
            session.add(Case(id=case_id, process="fulfillment", state="done", shop_order={"name": "Zoë"}))

    async def tamper(self, *statements: str) -> None:
        """As a superuser does it, past every trigger."""
        async with self.database.transaction() as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                await session.execute(text(statement))

    async def forge(self) -> None:
        """Make every seal and every anchor anew from what the timeline says now: the perfect crime."""
        async with self.database.transaction() as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            digests = {
                row.id: row.digest
                for row in await session.execute(select(TimelineEntry.id, DIGEST.label("digest")))
            }
            entries = list(await session.scalars(select(AuditEntry).order_by(AuditEntry.case_id, AuditEntry.seq)))
            heads = {head.case_id: head for head in await session.scalars(select(AuditHead))}
            for entry in entries:
                before = heads[entry.case_id].hash if entry.seq > 1 else BEGINNING
                entry.digest = digests[entry.timeline_id]
                entry.hash = hash_of(before, entry.case_id, entry.seq, entry.timeline_id, entry.digest)
                heads[entry.case_id].hash = entry.hash
            hashes = [entry.hash for entry in sorted(entries, key=lambda entry: entry.number)]
            last = AuditAnchor(entries=0, hash=BEGINNING)
            for anchor in await session.scalars(select(AuditAnchor).order_by(AuditAnchor.number)):
                anchor.digest = sha256(b"".join(hashes[last.entries : anchor.entries])).digest()
                anchor.hash = anchor_hash(last.hash, anchor)
                last = anchor

    async def findings(self, case_id: str | None = None, *, outside: bool = False) -> list[Finding]:
        told: list[Told] = list(anchors.read(self.file)) if outside and self.file.exists() else []
        async with snapshot(self.database) as reader:
            return [each async for each in Verification(reader, case_id=case_id, told=told).findings()]

    async def found(self, *, outside: bool = False) -> set[tuple[str, str | None, int | None]]:
        """(what, case, seq) of each finding."""
        return {(each.what.value, each.case_id, each.seq) for each in await self.findings(outside=outside)}

    async def forget(self) -> None:
        await self.tamper(
            *(f"DELETE FROM orderops.{table}" for table in f"{OF_AUDIT}, {OF_CASES}".split(", ")),
            "INSERT INTO orderops.audit_progress (id, sealed_up_to, entries) VALUES (1, 0, 0)",
        )
        self.seals.forget()
        self.file.unlink(missing_ok=True)

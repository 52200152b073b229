"""What the effect journal asks of PostgreSQL. Nothing here knows when: that is in journal.py."""

from sqlalchemy import Text, bindparam, exists, false, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.cases import WRITE_ENTRY
from workers.casefile.db import SCHEMA
from workers.casefile.direct import Statement
from workers.casefile.models import Base, EffectState

_EFFECTS = Base.metadata.tables[f"{SCHEMA}.effects"]
_COLUMNS = [_EFFECTS.c[name] for name in ("key", "kind", "case_id", "state", "request")]
_LOCK_NUMBER = func.hashtextextended(bindparam("key", type_=Text()), 0)
_LOCKED = select(func.pg_try_advisory_lock(_LOCK_NUMBER).label("ours")).cte("locked")
_ADDED = (
    insert(_EFFECTS)
    .from_select(
        [column.name for column in _COLUMNS],
        select(*(bindparam(column.name, type_=column.type) for column in _COLUMNS)).where(
            select(_LOCKED.c.ours).scalar_subquery()
        ),
    )
    .on_conflict_do_nothing()
    .returning(literal(1))
    .cte("added")
)
INTEND = Statement(select(_LOCKED.c.ours, exists(select(_ADDED)).label("new")))
"""Take the effect's lock and write its row, if there is none: one round trip, committed by itself."""
LOCK = Statement(select(_LOCKED.c.ours, false().label("new")))
UNLOCK = Statement(select(func.pg_advisory_unlock(_LOCK_NUMBER)))
READ = Statement(select(*_EFFECTS.columns).where(_EFFECTS.c.key == bindparam("key")))
_NOW = func.clock_timestamp()
TIMES = Statement(select(_EFFECTS.c.intended_at, _NOW.label("now")).where(_EFFECTS.c.key == bindparam("key")))
_MARKED = (
    update(_EFFECTS)
    .where(_EFFECTS.c.key == bindparam("of"))
    .values(state=bindparam("new_state"), result=bindparam("new_result"), settled_at=_NOW)
)
MARK = Statement(_MARKED)
MARK_WITH_ENTRY = Statement(WRITE_ENTRY.add_cte(_MARKED.cte("marked")))
"""The result and what follows from it in the case file: both or none, in one round trip."""
INTEND_AGAIN = Statement(
    update(_EFFECTS)
    .where(_EFFECTS.c.key == bindparam("of"))
    .values(
        state=EffectState.INTENDED,
        request=bindparam("request"),
        attempts=_EFFECTS.c.attempts + 1,
        intended_at=_NOW,  # asking the provider may have taken a while
        settled_at=None,
    )
)

"""Who may what: every route by its right. A route that does not stand here answers nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from api.people import Actor, Role, Scope


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has a right: people by role, programs by scope."""

    meaning: str
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Scope] = frozenset()


class Right(Enum):
    """What somebody may; nobody is asked who they are for OPEN."""

    OPEN = Holders("anybody: it is public, or a signature, a signed link or a password of its own is the right")
    LOG_OUT = Holders("end one's own session", roles=frozenset(Role))
    READ = Holders(
        "see cases, tasks, incidents and messages", roles=frozenset(Role), scopes=frozenset({Scope.READ})
    )
    WORK = Holders(
        "claim, put back and complete tasks",
        roles=frozenset({Role.AGENT, Role.LEAD, Role.FINANCE}),
        scopes=frozenset({Scope.TASKS}),
    )
    RETRY = Holders(
        "let cases go on after an incident",
        roles=frozenset({Role.LEAD, Role.ADMIN}),
        scopes=frozenset({Scope.INCIDENTS}),
    )
    START = Holders(
        "start instances and send messages", roles=frozenset({Role.ADMIN}), scopes=frozenset({Scope.PROCESSES})
    )
    REFUND = Holders(
        "ask for refunds",
        roles=frozenset({Role.AGENT, Role.LEAD, Role.FINANCE}),
        scopes=frozenset({Scope.REFUNDS}),
    )
    WRITE = Holders(
        "write down what a customer says, as a ticket",
        roles=frozenset({Role.AGENT, Role.LEAD}),
        scopes=frozenset({Scope.TICKETS}),
    )
    MEASURE = Holders("read the metrics", roles=frozenset({Role.ADMIN}), scopes=frozenset({Scope.METRICS}))

    def held_by(self, actor: Actor) -> bool:
        """Whether a role or a scope of the actor has it."""
        return not (actor.roles.isdisjoint(self.value.roles) and actor.scopes.isdisjoint(self.value.scopes))


ROUTES: Mapping[str, Right] = {
    "POST /webhooks/shopify/{topic}": Right.OPEN,
    "POST /webhooks/suppliers/{supplier}": Right.OPEN,
    "POST /webhooks/carriers/{service}": Right.OPEN,
    "POST /webhooks/stripe": Right.OPEN,
    "POST /webhooks/paypal": Right.OPEN,
    "POST /webhooks/zendesk": Right.OPEN,
    "POST /webhooks/mail": Right.OPEN,
    "POST /webhooks/chat": Right.OPEN,
    "GET /c/{token}": Right.OPEN,
    "POST /c/{token}": Right.OPEN,
    "GET /livez": Right.OPEN,
    "GET /readyz": Right.OPEN,
    "GET /": Right.OPEN,
    "GET /docs": Right.OPEN,
    "GET /problems": Right.OPEN,
    "GET /login": Right.OPEN,
    "POST /login": Right.OPEN,
    "GET /login/openid": Right.OPEN,
    "GET /login/openid/callback": Right.OPEN,
    "GET /logout": Right.LOG_OUT,
    "POST /logout": Right.LOG_OUT,
    "GET /processes": Right.OPEN,
    "POST /processes/{process}/instances": Right.START,
    "POST /processes/{process}/messages/{name}": Right.START,
    "GET /ui": Right.READ,
    "GET /ui/inbox": Right.READ,
    "GET /ui/cases": Right.READ,
    "GET /ui/cases/{case_id}": Right.READ,
    "POST /ui/incidents/{key}/retry": Right.RETRY,
    "GET /ui/tasks": Right.READ,
    "GET /ui/tasks/{key}": Right.READ,
    "POST /ui/tasks/{key}/claim": Right.WORK,
    "POST /ui/tasks/{key}/unclaim": Right.WORK,
    "POST /ui/tasks/{key}/complete": Right.WORK,
    "GET /ui/processes": Right.READ,
    "GET /ui/processes/{process_id}": Right.READ,
    "GET /ui/processes/{process_id}/diagram": Right.READ,
    "GET /ui/escalations": Right.READ,
    "GET /ui/sla": Right.READ,
    "GET /ui/events": Right.READ,
    "GET /inbox": Right.READ,
    "GET /inbox/{message_id}": Right.READ,
    "GET /tasks": Right.READ,
    "GET /tasks/{key}": Right.READ,
    "POST /tasks/{key}/claim": Right.WORK,
    "POST /tasks/{key}/unclaim": Right.WORK,
    "POST /tasks/{key}/complete": Right.WORK,
    "GET /incidents": Right.READ,
    "POST /incidents/{key}/retry": Right.RETRY,
    "GET /cases": Right.READ,
    "GET /cases/{case_id}": Right.READ,
    "GET /cases/{case_id}/refundable": Right.READ,
    "POST /refunds": Right.REFUND,
    "GET /refunds/{refund_id}": Right.READ,
    "POST /tickets": Right.WRITE,
    "GET /tickets": Right.READ,
    "GET /tickets/{ticket_id}": Right.READ,
    "GET /sla": Right.READ,
    "GET /metrics": Right.MEASURE,
    "POST /_bulk": Right.OPEN,
    "PUT /_component_template/{name}": Right.OPEN,
    "PUT /_index_template/{name}": Right.OPEN,
    "PUT /_ilm/policy/{name}": Right.OPEN,
    "PUT /{name}/_settings": Right.OPEN,
}
"""By method and pattern, as FastAPI has them."""

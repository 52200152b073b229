"""Refund: money goes back to a customer, when it may, once, and never more than was captured.

The way is in bpmn/refund.bpmn, who has to approve what is in the table refund_policy; each method here is one job.
What is refunded, and who approved it, is taken from our own books and from the engine's records, never from
variables: those could be changed by whoever reaches the engine.
"""

from workers.casefile.approvals import Approvals, Policy, Verdict
from workers.casefile.cases import Cases
from workers.casefile.journal import Journal
from workers.casefile.refund_entries import (
    approval_asked,
    approval_missing,
    booked_back,
    booking,
    computed,
    judged,
    nth,
    row_of,
    stopped,
    waits,
)
from workers.casefile.refund_making import Maker
from workers.casefile.refund_models import Refund, Standing
from workers.casefile.refunds import Refunds, Wanted
from workers.common import LOOK_AGAIN, Effects, KnownOrders, Letters, Pager, recorded
from workers.contracts.refund import (
    MESSAGES,
    OUTCOMES,
    PROCESS,
    ApprovalRequest,
    ApprovalVerdict,
    Errors,
    Handling,
    Refundable,
    RefundStanding,
    StopResult,
    TakenBack,
)
from workers.ports.alerts import Alert, Level, Post
from workers.ports.currencies import describe
from workers.ports.events import Event
from workers.ports.payments import Payments
from workers.ports.shop import Shop
from workers.ports.values import Money
from workers.runtime.context import current_element, current_instance
from workers.runtime.errors import BusinessOutcome, EffectStopped, NeedsHuman, Retryable
from workers.runtime.form_text import as_words
from workers.runtime.jobs import Job, Process

GROUPS_OF_SECOND = ("lead", "finance")
"""Whose task a second approval is."""
CHANNEL = "#refunds"
"""Where approvers are reminded."""


class RefundJobs:
    """The jobs of bpmn/refund.bpmn."""

    def __init__(  # noqa: PLR0913  # the ports of one process, given by name in one place
        self,
        *,
        shop: Shop,
        payments: Payments,
        journal: Journal,
        effects: Effects,
        pager: Pager,
        cases: Cases,
        refunds: Refunds,
        approvals: Approvals,
    ) -> None:
        self._orders = KnownOrders(PROCESS, cases, shop)
        self._payments = payments
        self._maker = Maker(payments, journal, refunds, cases)
        self._effects = effects
        self._pager = pager
        self._letters = Letters(effects, cases)
        self._cases = cases
        self._refunds = refunds
        self._approvals = approvals

    async def compute_refundable(  # the variables of a request
        self, shopify_order_id: str, refund_id: str, amount: int, currency: str, reason: str, requested_by: str
    ) -> Refundable:
        """Reserve what is asked for, or what is left of it. Once per refund id: what is reserved stays so."""
        order = await self._orders.get(shopify_order_id)
        wanted = Wanted(refund_id, shopify_order_id, Money(amount, currency), reason, requested_by)
        taken = await self._refunds.taken_on(shopify_order_id)
        charge = await self._payments.charge_of(shopify_order_id)
        instance = current_instance()
        refund, left = await self._refunds.enter(wanted, charge, taken, instance)
        over = refund.state in {Standing.REJECTED, Standing.STOPPED}
        ours = refund.process_instance_key == instance and not over
        if ours or refund.state == Standing.REJECTED:
            await self._cases.write(computed(refund, left, order))
        return Refundable(
            refundable=ours,
            amount=refund.requested_minor,
            currency=refund.currency,
            reason=refund.reason,
            refund_state=refund.state if ours else Standing.REJECTED,
            refunded=0,
            unasked_before=await self._refunds.unasked_before(refund),
        )

    async def note_approval_request(
        self, refund_id: str, approval_round: int = 0, escalations: int = 0
    ) -> ApprovalRequest:
        """Write into the timeline what somebody is asked to approve. Once per question and escalation."""
        refund = await self._of(refund_id)
        verdict = await self._so_far(refund)
        told = approval_asked(refund, verdict, f"{approval_round}:{escalations}{nth(refund)}")
        await self._cases.write(told)
        asked, because, earlier = (as_words(told.facts[name]) for name in ("asked", "because", "earlier"))
        return ApprovalRequest(asked, because, earlier, refund.evidence)

    async def remind_approvers(self, refund_id: str, approval_round: int = 0, escalations: int = 0) -> None:
        """Tell approvers in the chat, and other systems, that an approval is waited for. Once per question and
        escalation."""
        refund = await self._of(refund_id)
        key = f"refund_approval_reminder:{refund_id}:{approval_round}:{escalations}{nth(refund)}"
        sentence = "Approvers reminded of a refund"
        await self._pager.post(Post(f"post:{key}", CHANNEL, waits(refund)), refund.case_id, sentence)
        await self._announce(refund, key, "refund_approval_reminder", sentence)

    async def escalate_approval(self, refund_id: str, escalations: int, approval_round: int = 0) -> None:
        """Call leads, and tell other systems, that an approval is theirs now. Once per question and escalation."""
        refund = await self._of(refund_id)
        key = f"refund_approval_overdue:{refund_id}:{approval_round}:{escalations}{nth(refund)}"
        sentence = "Approval overdue: leads are asked"
        alert = Alert(f"alert:{key}", "lead", waits(refund), Level.WARNING)
        await self._pager.push(alert, refund.case_id, sentence)
        await self._announce(refund, key, "refund_approval_overdue", sentence)

    async def check_approval(self, refund_id: str, policy_round: int) -> ApprovalVerdict:
        """Judge who completed the task, by the engine's records. Natural: the same records, the same verdict.

        Waits for the record of the task that was just completed, and uses up no retries meanwhile.
        """
        refund = await self._of(refund_id)
        policy = await self._policy(policy_round)
        instance, asker = current_instance(), current_element()
        verdict = await recorded(lambda: self._approvals.verdict(refund, policy, instance, asker), "the approval")
        await self._refunds.judged(refund.id, verdict.amount, [row_of(each) for each in verdict.answers])
        for entry in (judged(refund, each) for each in verdict.answers):
            await self._cases.write(entry)
        last, state = verdict.answers[-1] if verdict.answers else None, Standing.REQUESTED
        if last and verdict.rejected:
            state, why = Standing.REJECTED, f"rejected by {last.answer.person}"
            if not await self._refunds.move(
                refund, state, out_of=(Standing.REQUESTED,), over=True, failure=why, amount_minor=0
            ):
                return ApprovalVerdict(True, True, True, (), refund.state)  # too late: what is made is followed
        groups = GROUPS_OF_SECOND if verdict.given else (policy.group,)
        counts = last is not None and last.void is None
        return ApprovalVerdict(counts, not verdict.rejected, verdict.complete, groups, state)

    async def take_back_refund(self, refund_id: str) -> TakenBack:
        """Ask the provider; what came back after it was settled is booked back, and has failed. Once per attempt:
        by journal and ledger, and by our books. Waits for the instance that made it, using up no retries.
        """
        refund = await self._of(refund_id)
        if await self._refunds.is_with_another(refund, current_instance()):
            raise Retryable("who made it is still at it", retry_after=LOOK_AGAIN, burns_retry=False)
        if made := await self._maker.returned(refund):
            if not await self._cases.has(refund.case_id, booking(refund).key):
                raise Retryable("the refund is not booked yet", retry_after=LOOK_AGAIN, burns_retry=False)
            await self._effects.book(booked_back(refund), "Refund booked back")
            await self._maker.take_back(refund, made, current_instance())
            refund = await self._of(refund_id)
        ours = refund.process_instance_key == current_instance()
        return TakenBack.of(refund, ours and refund.state == Standing.FAILED and refund.finished_at is None)

    async def execute_refund(self, refund_id: str, policy_round: int = 0) -> RefundStanding:
        """Give the money back. Once per refund: by the journal, and by our reference in the provider's own books.

        Errors: APPROVAL_MISSING when the engine's records do not show every approval that this amount needs. What
        the provider has, or may have, was approved before: nothing is judged again.
        """
        refund = await self._of(refund_id)
        if refund.state == Standing.STOPPED:
            raise EffectStopped(f"refund {refund_id} was stopped before it was made")
        if not await self._maker.may_have(refund):
            await self._require_approval(refund, policy_round)
        await self._refunds.move(refund, Standing.APPROVED, out_of=(Standing.REQUESTED,))
        return RefundStanding.of(refund, await self._maker.make(refund))

    async def follow_refund(self, refund_id: str) -> RefundStanding:
        """Ask the provider where the refund stands by now; one that surely never got there is made then.

        Once per refund, as above: only what had every approval before is made here.
        """
        refund = await self._of(refund_id)
        return RefundStanding.of(refund, await self._maker.follow(refund))

    async def handle_failure(self, refund_id: str, handling: Handling) -> RefundStanding:
        """Do what a person decided: try again, or close it by hand or for good, so that it is never made later.

        What came back is approved anew: this instance's records show no approval. Natural: done twice, it stands
        where it stood. When the provider has it after all, that counts.
        """
        refund = await self._of(refund_id)
        if handling == "retry":
            asked_here = await self._approvals.policy(current_instance(), 0)
            await self._refunds.try_again(refund.id, Standing.APPROVED if asked_here else Standing.REQUESTED)
            return RefundStanding(Standing.APPROVED, 0, "It is tried again")
        if not await self._maker.stop(refund):
            return RefundStanding(Standing.APPROVED, 0, "The provider has it after all")
        return RefundStanding.of(refund, await self._maker.close(refund, by_hand=handling == "done_by_hand"))

    async def book_refund(self, refund_id: str) -> None:
        """Book what was given back to the account REFUNDS. Once per refund and attempt, by journal and ledger."""
        posting = booking(await self._of(refund_id))
        await self._effects.book(posting, f"Refund booked: {describe(posting.amount)}")

    async def tell_customer(self, refund_id: str) -> None:
        """Mail the customer that the money is on its way back. Once per refund and attempt."""
        refund = await self._of(refund_id)
        amount = describe(Money(refund.amount_minor, refund.currency))
        await self._letters.write(
            refund.case_id,
            f"mail:{refund.id}-refunded{nth(refund)}",
            "refund_paid_back",
            {"amount": amount},
            otherwise="nobody told them of the refund",
            about=f"{amount} paid back",
        )

    async def stop_refund(self, refund_id: str, stop_reason: str) -> StopResult:
        """Keep the refund from ever being made, unless the provider has it. Natural: stopped stays so."""
        refund = await self._refunds.get(refund_id)
        if refund is None:
            raise Retryable("the refund is not entered yet", retry_after=LOOK_AGAIN, burns_retry=False)
        if refund.state == Standing.STOPPED:
            return StopResult(stopped=True)
        over = refund.finished_at is not None or refund.state in {Standing.SENT, Standing.SETTLED}
        if over or not await self._maker.stop(refund):
            return StopResult(stopped=False)
        out_of = (Standing.REQUESTED, Standing.APPROVED, Standing.UNKNOWN, Standing.FAILED)
        if not await self._refunds.move(refund, Standing.STOPPED, out_of=out_of, over=True, failure=stop_reason):
            raise Retryable("the refund has moved on", retry_after=LOOK_AGAIN, burns_retry=False)
        await self._cases.write(stopped(refund, stop_reason))
        return StopResult(stopped=True)

    async def _require_approval(self, refund: Refund, policy_round: int) -> None:
        """Of the amount that our books say, by the records alone; of what came back nobody was asked yet."""
        if policy_round < 1:
            raise BusinessOutcome(Errors.APPROVAL_MISSING, "nobody was asked in this instance")
        policy = await self._policy(policy_round)
        verdict = await self._approvals.verdict(refund, policy, current_instance())
        assert verdict is not None  # noqa: S101  # no answer at all is a verdict, too
        if (
            not policy.fits(refund, await self._refunds.unasked_before(refund))
            or not verdict.complete
            or verdict.amount != refund.amount_minor
        ):
            await self._cases.write(approval_missing(refund, policy, policy_round, verdict))
            raise BusinessOutcome(Errors.APPROVAL_MISSING, "the records do not show every approval")

    async def _policy(self, which: int) -> Policy:
        instance = current_instance()
        return await recorded(lambda: self._approvals.policy(instance, which), "the policy")

    async def _so_far(self, refund: Refund) -> Verdict | None:
        policy = await self._approvals.policy(current_instance(), 0)
        return await self._approvals.verdict(refund, policy, current_instance()) if policy else None

    async def _announce(self, refund: Refund, key: str, name: str, sentence: str) -> None:
        payload = {"shopify_order_id": refund.case_id, "refund_id": refund.id}
        await self._effects.publish(Event(key, name, payload), refund.case_id, sentence)

    async def _of(self, refund_id: str) -> Refund:
        refund = await self._refunds.get(refund_id)
        if refund is None:
            raise NeedsHuman(f"There is no refund {refund_id} in our books.")
        return refund


def registration(jobs: RefundJobs) -> Process:
    """Everything bpmn/refund.bpmn needs of us."""
    return Process(
        id=PROCESS,
        jobs=(
            Job("refund.compute_refundable", jobs.compute_refundable),
            Job("refund.note_approval_request", jobs.note_approval_request),
            Job("refund.remind_approvers", jobs.remind_approvers),
            Job("refund.escalate_approval", jobs.escalate_approval),
            Job("refund.check_approval", jobs.check_approval),
            Job("refund.take_back_refund", jobs.take_back_refund),
            Job("refund.execute_refund", jobs.execute_refund),
            Job("refund.follow_refund", jobs.follow_refund),
            Job("refund.handle_failure", jobs.handle_failure),
            Job("refund.book_refund", jobs.book_refund),
            Job("refund.tell_customer", jobs.tell_customer),
            Job("refund.stop_refund", jobs.stop_refund),
        ),
        messages=MESSAGES,
        errors=Errors,
        outcomes=OUTCOMES,
    )

"""A handler in a module whose annotations are text: what `from __future__ import annotations` makes of them."""

from __future__ import annotations

from pyzeebe import Job


class Handlers:
    """What they were called with."""

    def __init__(self) -> None:
        self.called: list[str] = []

    async def with_job(self, shopify_order_id: str, job: Job) -> dict[str, str]:
        """As pyzeebe's documentation shows it."""
        self.called.append(f"{shopify_order_id} in {job.bpmn_process_id}")
        return {}

    async def plain(self, shopify_order_id: str, total: int) -> None:
        """As ours are."""
        self.called.append(f"{shopify_order_id} for {total}")

"""Drafts of answers from templates: the same facts always give the same draft."""

from jinja2 import PackageLoader

from workers.adapters.mail_render import templates
from workers.ports.analysis import Intent
from workers.ports.currencies import describe
from workers.ports.replies import ReplyFacts

TEMPLATES = templates(PackageLoader("workers.adapters", "reply_templates"))


class TemplateReplies:
    """Implements ports.replies.Replies. Other languages than the templates' are answered in English."""

    async def draft(self, facts: ReplyFacts) -> str:
        """From the template for what is wanted; where there is none, a frame that a person fills."""
        name = _template(facts)
        translated = f"{name}.{facts.language}.txt"
        known = translated in TEMPLATES.list_templates()
        moments = {"sent_at": facts.sent_at, "delivered_at": facts.delivered_at}
        values = {
            "language": facts.language if known else "en",
            "order_number": facts.order_number,
            "carrier": (facts.carrier or "").upper(),
            "tracking_number": facts.tracking_number,
            "refunded": describe(facts.refunded) if facts.refunded else None,
            **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
        }
        text = TEMPLATES.get_template(translated if known else f"{name}.txt").render(values)
        return text.strip()


def _template(facts: ReplyFacts) -> str:
    if facts.refunded is not None:
        return "refunded"
    return "tracking" if facts.intent == Intent.TRACKING and facts.order_number else "received"

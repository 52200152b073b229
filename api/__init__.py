"""HTTP side of orderops: webhooks, API callers, customers, tasks, and the engine's own records."""

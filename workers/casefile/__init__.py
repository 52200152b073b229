"""What we know and what we did: inbox, effect journal, cases, tasks. One PostgreSQL, schema `orderops`."""

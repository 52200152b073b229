"""`make kills`: real workers die by SIGKILL while they buy, and the supplier's books say what came of it."""

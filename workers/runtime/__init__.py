"""Technique shared by all processes: settings, wiring, worker host, relay, deployment, command line."""

"""The native stack: a real Camunda 8.6 and PostgreSQL on this machine, without containers.

`running_stack(StackConfig(...))` runs one for as long as a `with` block lasts; `orderops up` leaves one running.
"""

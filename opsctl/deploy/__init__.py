"""Releases: plan, one state machine for every target, health gate, history, rollback, recovery after a kill.

`service` is the door for commands and pipelines; `target` is the contract of a deploy target, `targets/` holds the
built-in ones. The why is in docs/decisions/004-deploy-state-machine.md.
"""

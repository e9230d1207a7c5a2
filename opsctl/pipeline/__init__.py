"""Pipelines: a YAML file of steps that need each other, run as child processes by one loop.

`service` is the door for commands. On the way in, `loader` reads the file (`model`, `drafts`, `scopes`) and `plan` says
what a run would do. In a run, `scheduler` decides (`graph`, `frontier`), `session` knows the steps (`tasks`, `journal`,
`lines`), and `processes` starts and ends children (`child`, `orphans`, `interrupts`). `kinds` is the contract of a
kind of step, `steps/` holds the built-in ones, `worker` does the work of most. The why is in
docs/decisions/005-pipelines.md.
"""

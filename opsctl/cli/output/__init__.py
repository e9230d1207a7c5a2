"""Everything that draws: events on standard error, results on standard output.

`choice` picks the renderer of events (`live` on a terminal, `github` under GitHub Actions, `jsonlines`, `plain`);
`table` and `units` help commands to write results; `ansi` makes foreign text safe. Only `live` imports rich.
"""

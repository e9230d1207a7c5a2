"""The command line: parse, call a service, show what it returned. The only layer that knows Click.

`main` is the console script, `app` the static table of commands, `groups` the lazy Click classes, `options` the
options that every command takes, `runtime` what a command gets, `boundary` where errors become exit codes,
`commands` one module per word, `output` everything that draws. Nothing is imported here, so that
`opsctl --version` stays as cheap as the interpreter.
"""

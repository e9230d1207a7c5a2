"""Real servers for tests and benchmarks: one module each, started on free ports of 127.0.0.1.

In a test, ask for a fixture of `servers.plugin`. In a script:

    from servers import localstack
    from servers.launch import serve

    with serve(localstack.SERVER) as url: ...
"""

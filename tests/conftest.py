"""What every test stands on; the fixtures are in the modules named here."""

pytest_plugins = [
    "pytester",
    "servers.plugin",
    "harness.images",
    "harness.isolation",
    "harness.program",
    "harness.soak",
    "deployment.plugin",
]

"""What every test stands on; the fixtures are in the modules named here."""

from hypothesis import settings

pytest_plugins = [
    "pytester",
    "servers.plugin",
    "harness.engine",
    "harness.images",
    "harness.isolation",
    "harness.program",
    "harness.soak",
    "deployment.plugin",
]

# How long an example takes says something of the machine, not of the code.
settings.register_profile("opsctl", deadline=None)
settings.load_profile("opsctl")

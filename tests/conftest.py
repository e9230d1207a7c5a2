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

# How long an example takes says something of the machine, not of the code; the blob repeats a failure elsewhere.
settings.register_profile("opsctl", deadline=None, print_blob=True)
settings.load_profile("opsctl")

"""Conformance suites for authors of plug-ins: what every store (and later executor, deploy target, log format) must do.

Needs pytest (the extra `test` of opsctl); nothing else in opsctl imports this package.
"""

import pytest

__all__: list[str] = []

pytest.register_assert_rewrite("opsctl.testing.storage")

"""opsctl: build, test, ship, roll out and watch services from one command line.

This package imports nothing at its top, so that `opsctl --version` stays as cheap as the interpreter.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"

"""The version of the shop; `package.py` writes the one that is asked for into the package."""

VERSION = "dev"

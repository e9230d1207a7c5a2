"""The registry tells a library that is missing from a mistake of our own."""

import pytest

from opsctl.errors import MissingToolError, NotFoundError
from opsctl.plugins import Registry


def registry(path: str, **extras: str) -> Registry:
    return Registry(kind="store", group="opsctl.none", table={"x": path}, extras=extras)


def test_a_module_of_our_own_that_is_not_there_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"opsctl\.storage\.gone"):
        registry("opsctl.storage.gone:open_store").load("x")


def test_a_library_that_is_not_there_is_to_be_installed() -> None:
    with pytest.raises(MissingToolError, match="store 'x' needs the Python module 'no_such_library'") as caught:
        registry("no_such_library.inner:thing").load("x")
    assert caught.value.hint == "install no_such_library"
    with pytest.raises(MissingToolError) as caught:
        registry("no_such_library:thing", x="fast").load("x")
    assert caught.value.hint == "install the extra 'fast' of opsctl"


def test_an_unknown_name_is_refused_with_and_without_loading_it() -> None:
    known = registry("no_such_library:thing")
    known.require("x")
    for ask in (known.require, known.load):
        with pytest.raises(NotFoundError, match="unknown store 'y'"):
            ask("y")

"""The engine's stream of JSON messages: lines put together, errors in it raised, bytes added up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.docker.progress import Layers, Lines, checked, error_text
from opsctl.errors import StepFailedError
from opsctl.events import Event, Progress


@given(st.lists(st.text("ab\n\r", max_size=4)))
def test_lines_do_not_depend_on_where_the_pieces_are_cut(pieces: list[str]) -> None:
    lines = Lines()
    found = [line for piece in pieces for line in lines.feed(piece)] + list(lines.end())
    whole = "".join(pieces)
    expected = [line.rstrip("\r") for line in whole.split("\n")]
    assert found == (expected[:-1] if whole.endswith("\n") or not whole else expected)


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ({"errorDetail": {"code": 1, "message": "a"}, "error": "b"}, "a"),
        ({"error": "b"}, "b"),
        ({"errorDetail": {"code": 1}, "error": "b"}, "b"),
        ({"errorDetail": None}, ""),
        ({"status": "error"}, ""),
    ],
)
def test_an_error_is_found_in_both_places(note: dict[str, object], text: str) -> None:
    assert error_text(note) == text


def test_messages_come_through_up_to_the_first_error() -> None:
    found = checked([{"status": "a"}, {"error": "boom"}, {"status": "b"}], "x")
    assert next(found) == {"status": "a"}
    with pytest.raises(StepFailedError, match="x: boom"):
        next(found)


def test_the_layers_of_a_push_are_added_up() -> None:
    told: list[Event] = []
    layers = Layers(told.append, "s")
    for note in (
        {"status": "Preparing", "id": "a", "progressDetail": {}},
        {"status": "Pushing", "id": "a", "progressDetail": {"current": 5, "total": 10}},
        {"status": "Pushing", "id": "b", "progressDetail": {"current": 3}},  # the size is not always known
        {"status": "Pushing", "id": "a", "progressDetail": {"current": 12, "total": 10}},  # tar headers count too
        {"status": "Pushed", "id": "a", "progressDetail": {}},
    ):
        layers.note(note)
    assert told == [Progress("s", 5, 10), Progress("s", 8, 13), Progress("s", 15, 15)]

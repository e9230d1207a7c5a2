"""Sequences of events for the tests of the renderers."""

from hypothesis import strategies as st

from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted

__all__ = ["FAILED_RUN", "HOSTILE_LINES", "runs"]

HOSTILE_LINES = (
    "::error::forged",
    "::set-output name=x::y",
    "::endgroup::",
    "::stop-commands::mine",
    "##[error]forged",
    "\x1b[2J\x1b[1;1H::error::hidden",
    "one\n::error::second line",
    "one\r::error::overwritten",
    "[bold red]markup[/] {template} %d %s",
    "\x1b]0;title\x07",
)

FAILED_RUN: tuple[Event, ...] = (
    SpanStarted("step:lint", "lint"),
    Output("step:lint", "checking"),
    SpanStarted("step:test", "test"),
    Output("step:test", "E assert 1 == 2", "stderr"),
    SpanFinished("step:lint", "ok", 1.25),
    Message("step:test", "flaky before", "warning", "pin the seed"),
    SpanFinished("step:test", "failed", 2, "exit code 1", "run pytest -x", "tests/test_a.py", 12),
    SpanStarted("step:ship", "ship"),
    SpanFinished("step:ship", "skipped", 0, "test failed"),
)

_LINES = st.one_of(st.sampled_from(HOSTILE_LINES), st.text(max_size=30))
_SPANS = st.sampled_from(["", "a", "b", "c"])
_EVENTS = st.one_of(
    st.builds(SpanStarted, _SPANS.filter(bool), _LINES, st.sampled_from(["", "a"])),
    st.builds(Output, _SPANS, _LINES),
    st.builds(Message, _SPANS, _LINES, st.sampled_from(["debug", "info", "warning", "error"]), _LINES),
    st.builds(Progress, _SPANS, st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9))),
    st.builds(
        SpanFinished,
        _SPANS.filter(bool),
        st.sampled_from(["ok", "failed", "skipped", "cancelled", "unchanged"]),
        st.floats(0, 9),
        _LINES,
        _LINES,
        _LINES,
        st.integers(0, 9),
    ),
)
runs = st.lists(_EVENTS, max_size=25)
"""Runs that no sane service would report: a renderer must survive them all the same."""

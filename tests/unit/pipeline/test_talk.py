"""What worker and run say to each other survives the way, and means nothing more than it did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.config.scalars import Duration, Text, unbind
from opsctl.errors import ConfigError, NotFoundError, Problem, StepFailedError
from opsctl.events import Event, Message, Output, Progress, SpanFinished, SpanStarted
from opsctl.pipeline.steps.build import BuildOptions
from opsctl.pipeline.steps.copy import CopyOptions
from opsctl.pipeline.steps.deploy import DeployOptions
from opsctl.pipeline.talk import (
    Done,
    Failed,
    Request,
    Told,
    decode_message,
    decode_options,
    encode,
    encode_options,
    encode_request,
    failed,
    told,
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["${{ env.HOME }}", "${{", "'${{'", "}}${{ '"]
)


def there_and_back(options: object) -> object:
    return unbind(decode_options(encode_options(options), type(options)))


@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS, st.dictionaries(st.text("AB", min_size=1), TEXTS, max_size=2))
def test_options_arrive_as_they_were_whatever_their_texts_look_like(
    names: list[str], text: str, args: dict[str, str]
) -> None:
    copied = CopyOptions(from_=[Text.of(name) for name in names], to=Text.of(text), verify="sha256", jobs=3)
    assert there_and_back(copied) == unbind(copied)
    built = BuildOptions(context=Text.of(text), args={name: Text.of(value) for name, value in args.items()}, pull=True)
    assert there_and_back(built) == unbind(built)


def test_scalars_arrive() -> None:
    options = DeployOptions(service=Text.of("a"), env=Text.of("b"), lock_wait=Duration(90))
    assert there_and_back(options) == unbind(options)


@pytest.mark.parametrize(
    "event",
    [
        SpanStarted("a", "title", "parent"),
        SpanFinished("a", "failed", 1.5, "detail", "hint", "file", 3),
        Output("a", "text", "stderr"),
        Message("", "text", "warning", "hint"),
        Progress("a", 1, None, "objects", 1, 2),
    ],
)
def test_events_arrive(event: Event) -> None:
    message = decode_message(encode(told(event)))
    assert isinstance(message, Told)
    assert message.event() == event


def test_errors_keep_code_and_place() -> None:
    assert failed(NotFoundError("no x", hint="make it")) == Failed(message="no x", hint="make it", exit_code=4)
    error = ConfigError([Problem("f", 3, 1, "bad", "cure"), Problem("f", 4, 1, "worse")])
    assert failed(error) == Failed(message="bad (and 1 more)", hint="cure", exit_code=3, file="f", line=3)


def test_what_is_not_unicode_is_told_readably_but_never_handed_on_changed() -> None:
    message = decode_message(encode(told(Output("a", "x\udcff"))))
    assert isinstance(message, Told)
    assert message.event() == Output("a", "x\\udcff")
    request = Request(
        kind="copy", options={"to": "x\udcff"}, step="a", run_id="r", root="/", project_file=None, overrides=()
    )
    with pytest.raises(StepFailedError, match="not UTF-8"):
        encode_request(request)


def test_results_arrive() -> None:
    done = Done({"a": "x", "b": 1, "c": True}, "detail", changed=False)
    assert decode_message(encode(done)) == done

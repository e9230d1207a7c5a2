"""Does the work of one step in a process of its own: `python -m opsctl.pipeline.worker`.

A process can be stopped, which a thread cannot; see docs/decisions/005-pipelines.md. What it says to the run is in
`opsctl.pipeline.talk`. Whatever else is printed here, by an SDK for example, goes to standard error and is shown as
output of the step.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from opsctl.errors import InterruptedRunError, OpsctlError
from opsctl.events import Event
from opsctl.pipeline.kinds import Command, Site, WorkContext, WorkKind, kind_named
from opsctl.pipeline.projects import load_for_steps
from opsctl.pipeline.talk import (
    Done,
    Failed,
    Hide,
    Request,
    Told,
    decode_options,
    decode_request,
    encode,
    encode_options,
    encode_request,
    failed,
    told,
)

__all__ = ["MODULE", "work_command"]

MODULE: Final = "opsctl.pipeline.worker"
BUG: Final = 70


def work_command(kind: str, options: object, site: Site) -> Command:
    """Return the worker with its request: what the `command` of most kinds is.

    Args:
        kind: name of the kind.
        options: evaluated.
        site: of the step.
    """
    request = Request(
        kind=kind,
        options=encode_options(options),
        step=site.step,
        run_id=site.run_id,
        root=str(site.root),
        project_file=str(site.project_file) if site.project_file is not None else None,
        overrides=site.overrides,
    )
    # -P: a docker.py in the directory of the project must not be taken for the SDK.
    return Command((sys.executable, "-P", "-m", MODULE), encode_request(request), "events")


class _Speaker:
    """Writes messages, whole lines only, from any thread."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()

    def say(self, message: Told | Hide | Done | Failed) -> None:
        data = encode(message)
        with self._lock:
            while data:
                data = data[os.write(self._file, data) :]


def main() -> int:
    """Read the request, do the work, return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    speaker = _Speaker(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        done = _work(decode_request(sys.stdin.buffer.read()), os.environ, speaker)
    except OpsctlError as error:
        speaker.say(failed(error))
        return error.exit_code
    except KeyboardInterrupt:
        speaker.say(failed(InterruptedRunError("interrupted")))
        return InterruptedRunError.exit_code
    except Exception as error:  # noqa: BLE001 - the boundary of this process
        traceback.print_exc()
        hint = "this is a bug of opsctl; its traceback is in the output of the step"
        speaker.say(Failed(message=f"internal error: {type(error).__name__}: {error}", hint=hint, exit_code=BUG))
        return BUG
    speaker.say(done)
    return 0


def _work(request: Request, env: Mapping[str, str], speaker: _Speaker) -> Done:
    kind = kind_named(request.kind)
    root = Path(request.root)

    def sink(event: Event) -> None:
        speaker.say(told(event))

    context = WorkContext(
        step=request.step,
        run_id=request.run_id,
        root=root,
        env=env,
        sink=sink,
        hide=lambda value: speaker.say(Hide(value)),
        load_project=lambda: load_for_steps(request.project_file, request.overrides, cwd=root, env=env),
        has_project=request.project_file is not None,
    )
    result = cast("WorkKind", kind).run(decode_options(request.options, kind.options), context)
    return Done(dict(result.outputs), result.detail, result.changed)


if __name__ == "__main__":
    sys.exit(main())

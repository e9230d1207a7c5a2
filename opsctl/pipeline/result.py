"""What came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from opsctl.errors import InterruptedRunError, StepFailedError
from opsctl.events import Status
from opsctl.pipeline.inputs import InputValue
from opsctl.pipeline.kinds import OutputValue

__all__ = ["RunFailedError", "RunResult", "StepReport"]


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step.

    Args:
        id: of the step.
        kind: what it does.
        status: "ok", "unchanged", "failed", "skipped" or "cancelled".
        seconds: wall time; 0 when it did not start.
        exit_code: what it adds to the exit code of the run: 0 unless it failed.
        detail: one line: what came of it, or why not.
        hint: one line: the cure of a failure.
        outputs: what later steps can read.
        log: file with what it printed, "" when it printed nothing.
    """

    id: str
    kind: str
    status: Status
    seconds: float = 0.0
    exit_code: int = 0
    detail: str = ""
    hint: str = ""
    outputs: Mapping[str, OutputValue] = {}
    log: str = ""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run.

    Args:
        run_id: of the run.
        file: the pipeline.
        status: "ok", "failed" or "cancelled".
        exit_code: 0, the highest one of the failed steps, or 130.
        seconds: wall time.
        inputs: their values.
        steps: in the order in which they came to an end.
        journal: file with the journal.
    """

    run_id: str
    file: str
    status: Status
    exit_code: int
    seconds: float
    inputs: Mapping[str, InputValue]
    steps: tuple[StepReport, ...]
    journal: str

    def require(self) -> None:
        """Do nothing when all went well.

        Raises:
            RunFailedError: a step failed.
            InterruptedRunError: the user stopped the run.
        """
        failed = [step for step in self.steps if step.status == "failed"]
        if self.status == "cancelled":
            raise InterruptedRunError("interrupted; every step has been stopped", hint=f"the journal is {self.journal}")
        if failed:
            names = ", ".join(step.id for step in failed[:10]) + ("..." if len(failed) > 10 else "")  # noqa: PLR2004
            count = f"{len(failed)} of {len(self.steps)} steps failed" if len(self.steps) > 1 else "the step failed"
            hint = f"what was done and printed is in {Path(self.journal).parent}"  # each step has told its own cure
            raise RunFailedError(f"{count}: {names}", exit_code=self.exit_code, hint=hint)


class RunFailedError(StepFailedError):
    """Steps failed.

    Args:
        message: one line.
        exit_code: the highest one of the failed steps.
        hint: one line, or "".
    """

    def __init__(self, message: str, *, exit_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code  # type: ignore[misc] # the one error whose code depends on others

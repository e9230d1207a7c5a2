"""The health gate: it opens only for one process that stays up and keeps passing, and it never waits in vain."""

from hypothesis import given
from hypothesis import strategies as st

from opsctl.deploy.gate import Gate, Verdict
from opsctl.deploy.model import HealthPolicy
from opsctl.deploy.target import Probe

POLICY = HealthPolicy(passes=3, stable_for=2.0, deadline=10.0, interval=1.0)


def probe(*, passed: bool = True, alive: bool = True, started: str = "12:00", restarts: int = 0) -> Probe:
    detail = "answered 200" if passed else "answered 503"
    return Probe(passed=passed, alive=alive, started_at=started, restart_count=restarts, detail=detail)


def run(*probes: Probe, policy: HealthPolicy = POLICY) -> list[Verdict]:
    gate = Gate(policy, started=0.0)
    return [gate.see(one, now=float(second)) for second, one in enumerate(probes, start=1)]


def states(*probes: Probe, policy: HealthPolicy = POLICY) -> list[str]:
    return [verdict.state for verdict in run(*probes, policy=policy)]


def test_it_opens_after_enough_passes_and_the_time_of_stability() -> None:
    assert states(*[probe()] * 5) == ["waiting"] * 4 + ["passed"]


def test_one_pass_is_not_enough() -> None:
    policy = HealthPolicy(passes=2, stable_for=0.0, deadline=10.0)
    assert states(probe(), probe(), policy=policy) == ["waiting", "passed"]


def test_a_failure_in_between_starts_the_count_again() -> None:
    assert states(probe(), probe(), probe(), probe(passed=False), *[probe()] * 5) == ["waiting"] * 8 + ["passed"]


def test_an_end_of_the_process_is_not_waited_out() -> None:
    """A container that exits at once."""
    (verdict,) = run(Probe(passed=False, alive=False, detail="exited with code 1"))
    assert verdict == Verdict("failed", "exited with code 1")


def test_a_restart_that_hides_a_crash_is_seen() -> None:
    """Healthy, then crashed, then started again by a restart policy."""
    restarted = run(probe(), probe(), probe(), probe(restarts=1))
    assert restarted[-1].state == "failed"
    assert "restarts: 0 -> 1" in restarted[-1].detail
    again = run(probe(), probe(started="12:03"))
    assert again[-1].state == "failed"
    assert "started at 12:00, then at 12:03" in again[-1].detail


def test_a_container_that_was_restarted_before_the_first_look_may_pass() -> None:
    """A woken container has a history; only a change while it is watched is a crash."""
    assert states(*[probe(restarts=4)] * 5)[-1] == "passed"


def test_never_healthy_fails_at_the_deadline_and_says_what_was_seen_last() -> None:
    verdicts = run(*[probe(passed=False)] * 10)
    assert [verdict.state for verdict in verdicts] == ["waiting"] * 9 + ["failed"]
    assert verdicts[-1].detail == "not healthy after 10 s: answered 503"


def test_files_need_one_pass_only() -> None:
    assert states(Probe(passed=True, alive=True, settled=True)) == ["passed"]


probes = st.builds(
    probe,
    passed=st.booleans(),
    alive=st.integers(0, 20).map(bool),
    started=st.sampled_from(["12:00"] * 20 + ["12:03"]),
    restarts=st.sampled_from([0] * 20 + [1]),
)


@given(st.lists(probes, min_size=15, max_size=40))
def test_it_always_decides_and_opens_only_for_one_steady_process(seen: list[Probe]) -> None:
    gate = Gate(POLICY, started=0.0)
    for second, one in enumerate(seen, start=1):
        verdict = gate.see(one, now=float(second))
        if verdict.state == "waiting":
            assert second < POLICY.deadline
            continue
        if verdict.state == "passed":
            last = seen[second - 5 : second]
            assert len(last) == 5
            assert all(each.passed and each.alive for each in last)
            assert len({each.process for each in seen[:second]}) == 1
        return
    raise AssertionError("the gate waits past its deadline")

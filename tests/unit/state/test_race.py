"""Two processes race for one lock on real stores: each round has exactly one winner, and fences only grow."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.soak import Rounds
from opsctl.storage import HasBuckets, StoreOptions, open_store

RACER = Path(__file__).with_name("racer.py")


class Racer:
    """A long-lived process that takes and drops locks when told to."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child

    def tell(self, order: str) -> None:
        self.child.stdin.write(f"{order}\n")
        self.child.stdin.flush()

    def answer(self) -> str:
        line = self.child.stdout.readline()
        assert line, "the racer died"
        return line.strip()


@contextlib.contextmanager
def racers(url: str, options: StoreOptions) -> Iterator[list[Racer]]:
    """Start two of them."""
    argv = [sys.executable, str(RACER), url, json.dumps(options)]
    with contextlib.ExitStack() as stack:
        children = []
        for _ in range(2):
            child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            children.append(Racer(stack.enter_context(child)))
            stack.callback(child.kill)
        yield children


def race(url: str, options: StoreOptions, *, rounds: int) -> None:
    """Race `rounds` times: half of them for a lock that nobody ever had, half for one that was released."""
    fence = 0
    wins = [0, 0]
    with racers(url, options) as both:
        for number in range(rounds):
            key = f"locks/new-{number}.json" if number % 2 else "locks/same.json"
            for racer in both:
                racer.tell(f"take {key}")
            answers = [racer.answer() for racer in both]
            assert sorted(answer.partition(" ")[0] for answer in answers) == ["lost", "won"], (
                f"round {number}: {answers}"
            )
            winner = answers.index(max(answers))
            wins[winner] += 1
            if key == "locks/same.json":
                won = int(answers[winner].partition(" ")[2])
                assert won > fence
                fence = won
            for racer in both:
                racer.tell("drop")
            assert [racer.answer() for racer in both] == ["dropped", "dropped"]
    assert sum(wins) == rounds


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A directory on a file system in memory: the kernel's locks are the same, and no round waits for a disk."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("/dev/shm is not writable")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def test_a_thousand_times_on_files(in_memory: Path) -> None:
    race(f"file://{in_memory}/state", {}, rounds=1000)


def test_on_a_disk(tmp_path: Path) -> None:
    race(f"file://{tmp_path}/state", {}, rounds=100)


# Not on moto: its threads look at If-None-Match first and write later, so two of them may both succeed.
@pytest.fixture(params=["localstack", "azurite", "fakegcs"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, StoreOptions]:
    """A new bucket on a real server, and its options; the racers inherit the credentials."""
    url = request.getfixturevalue("servers").url(request.param)
    name = f"race-{uuid.uuid4().hex}"
    options: StoreOptions = {}
    if request.param == "azurite":
        bucket = f"az://{name}"
        account = request.getfixturevalue("azurite")
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account.connection_string)
    elif request.param == "fakegcs":
        bucket = f"gs://{name}"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    else:
        bucket, options = f"s3://{name}", {f"s3://{name}": {"endpoint": url, "region": "us-east-1"}}
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with contextlib.closing(open_store(bucket, options=options)) as store:
        assert isinstance(store, HasBuckets)
        store.make_bucket()
    return f"{bucket}/state", options


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_on_a_cloud(cloud: tuple[str, StoreOptions], rounds: Rounds) -> None:
    race(*cloud, rounds=rounds(short=50, long=1000))

"""Secrets reach only the steps that list them, and come up nowhere: not in output, errors, events, logs, journal."""

import base64
from pathlib import Path

import pytest

from harness.program import Finished, Opsctl

SECRET = "s3cr3t/Value+with=chars"
KEY = "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----"
HEAD = "opsctl: 1\nsecrets: {TOKEN: env:CI_TOKEN, KEY: 'file:key.pem'}\nsteps:\n"


@pytest.fixture
def run(opsctl: Opsctl):  # noqa: ANN201 - a function of a function
    (opsctl.cwd / "key.pem").write_text(f"{KEY}\n")

    def run(steps: str, *arguments: str) -> Finished:
        (opsctl.cwd / "p.yaml").write_text(HEAD + steps)
        return opsctl("run", "p.yaml", *arguments, env={"CI_TOKEN": SECRET})

    return run


def nowhere(directory: Path, done: Finished) -> None:
    """Look for the secret in everything that the run has left."""
    kept = "".join(path.read_text(errors="replace") for path in directory.glob(".opsctl/**/*") if path.is_file())
    for text in (done.stdout, done.stderr, kept):
        assert SECRET not in text
        assert "AAAABBBBCCCC" not in text
        assert base64.b64encode(SECRET.encode()).decode()[:-4] not in text


@pytest.mark.parametrize("log_format", ["plain", "json", "github"])
def test_a_secret_is_hidden_however_it_is_printed(opsctl: Opsctl, run, log_format: str) -> None:  # noqa: ANN001
    done = run(
        """\
  a:
    secrets: [TOKEN, KEY]
    shell: python
    run: |
      import base64, json, os, sys, time, urllib.parse
      token, key = os.environ['TOKEN'], os.environ['KEY']
      for part in ('one ', token[:5], token[5:9], token[9:], ' two\\n'):
          os.write(1, part.encode())
          time.sleep(0.02)
      os.write(2, token[:7].encode())
      os.write(1, token[7:].encode() + b'\\n')
      print(base64.b64encode(b'user:' + token.encode()).decode())
      print(urllib.parse.quote(token, safe=''), json.dumps({'key': key}), token.encode().hex(), repr(key))
      print(key)
      print('the end')
""",
        "--log-format",
        log_format,
    )
    assert done.code == 0, done
    assert "the end" in done.stderr
    assert "one *** two" in done.stderr
    nowhere(opsctl.cwd, done)
    assert "dXNlc" in done.stderr  # what stands before the secret in base64 stays


def test_a_secret_reaches_only_the_steps_that_list_it(opsctl: Opsctl, run) -> None:  # noqa: ANN001
    done = run("""\
  with: {secrets: [TOKEN], run: 'echo "${#TOKEN} ${CI_TOKEN-none} ${KEY-none}"'}
  without: {run: 'echo "${TOKEN-none} ${CI_TOKEN-none}"'}
""")
    assert done.code == 0, done
    assert f"[with] {len(SECRET)} none none" in done.stderr
    assert "[without] none none" in done.stderr


def test_an_output_cannot_carry_a_secret(opsctl: Opsctl, run) -> None:  # noqa: ANN001
    done = run("""\
  a: {secrets: [TOKEN], run: 'echo "leak=x${TOKEN}x" >> "$OPSCTL_OUTPUT"'}
  b: {needs: [a], run: touch marker, env: {V: '${{ steps.a.outputs.leak }}'}}
""")
    assert done.code == 1
    assert "output 'leak' holds a secret" in done.stderr
    assert not (opsctl.cwd / "marker").exists()
    nowhere(opsctl.cwd, done)


def test_set_x_shows_no_secret(opsctl: Opsctl, run) -> None:  # noqa: ANN001
    done = run("""  a: {secrets: [TOKEN, KEY], run: 'set -x; : "$TOKEN" "$KEY"; : "Bearer $TOKEN"; exit 9'}\n""")
    assert done.code == 1
    assert "'Bearer ***'" in done.stderr
    nowhere(opsctl.cwd, done)


def test_a_secret_is_hidden_in_the_errors_of_other_kinds(opsctl: Opsctl, run) -> None:  # noqa: ANN001
    (opsctl.cwd / "out").mkdir()
    done = run('  a: {secrets: [TOKEN], run: \'mkdir "x$TOKEN" 2>/dev/null || ls "/no/$TOKEN"\'}\n')
    assert done.code == 1
    nowhere(opsctl.cwd, done)


def test_secrets_stand_on_no_command_line(opsctl: Opsctl, run) -> None:  # noqa: ANN001
    done = run(
        """  a: {secrets: [TOKEN], run: 'tr "\\0" " " < /proc/$PPID/cmdline; tr "\\0" " " < /proc/$$/cmdline'}\n"""
    )
    assert done.code == 0, done
    assert "opsctl run p.yaml" in done.stderr
    assert "***" not in done.stderr


def test_an_input_that_is_a_secret_by_mistake_is_not_recorded(opsctl: Opsctl) -> None:
    (opsctl.cwd / "p.yaml").write_text(
        "opsctl: 1\ninputs: {v: {}}\nsecrets: {TOKEN: env:CI_TOKEN}\nsteps:\n"
        "  a: {secrets: [TOKEN], env: {V: '${{ inputs.v }}'}, run: '[ \"$V\" = \"$TOKEN\" ] && echo same'}\n"
    )
    done = opsctl("run", "p.yaml", "--input", f"v={SECRET}", "-o", "json", env={"CI_TOKEN": SECRET})
    assert done.code == 0, done
    assert "[a] same" in done.stderr
    nowhere(opsctl.cwd, done)


def test_a_secret_of_the_project_reaches_no_script_that_does_not_list_it(opsctl: Opsctl) -> None:
    (opsctl.cwd / "opsctl.yaml").write_text(
        "opsctl: 1\nproject: shop\nservices:\n"
        "  web: {image: {name: web}, secrets: {DATABASE_URL: env:SHOP_DATABASE}}\n"
        "environments:\n  dev: {target: {type: docker}, services: {web: {secrets: {OTHER: env:SHOP_OTHER}}}}\n"
    )
    (opsctl.cwd / "p.yaml").write_text(
        "opsctl: 1\nsteps:\n"
        "  a: {run: 'echo \"got ${SHOP_DATABASE-nothing} and ${SHOP_OTHER-nothing}\"'}\n"
        f"  b: {{run: 'echo {SECRET}'}}\n"
    )
    done = opsctl("run", "p.yaml", env={"SHOP_DATABASE": SECRET, "SHOP_OTHER": SECRET[::-1]}, check=True)
    assert "got nothing and nothing" in done.stderr
    nowhere(opsctl.cwd / "none", done)
    assert "[b] ***" in done.stderr

"""`opsctl completion`: the script that makes TAB work in a shell."""

from __future__ import annotations

import click

from opsctl.cli.groups import Command
from opsctl.cli.runtime import Runtime

__all__ = ["completion"]


@click.command("completion", cls=Command, formats=("text",))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion(runtime: Runtime, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  opsctl completion bash > ~/.local/share/bash-completion/completions/opsctl
    zsh:   opsctl completion zsh > "${fpath[1]}/_opsctl"
    fish:  opsctl completion fish > ~/.config/fish/completions/opsctl.fish
    """
    from click.shell_completion import get_completion_class

    from opsctl.cli.boundary import COMPLETE_VARIABLE

    shell_class = get_completion_class(shell)
    if shell_class is None:
        raise LookupError(f"Click has no completion for {shell}")
    script = shell_class(click.Command("opsctl"), {}, "opsctl", COMPLETE_VARIABLE).source()
    # Click's script for fish cuts a description at its first comma.
    runtime.print(script.replace('string split "," $completion', 'string split --max 1 "," $completion'))

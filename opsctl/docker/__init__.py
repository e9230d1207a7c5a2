"""Images and containers over the Docker SDK: build, test, push, prune, and the client that deploys use.

`engine.connect()` gives an `Engine`: `engine.images`, `engine.containers` and `engine.networks` take and return
the values of `model`. Only `engine` imports the SDK, and only when `connect` is called.
"""

from opsctl.docker.model import ContainerSpec, ContainerState, ExecResult, ImageInfo, PathStat, PortBinding

__all__ = ["ContainerSpec", "ContainerState", "ExecResult", "ImageInfo", "PathStat", "PortBinding"]

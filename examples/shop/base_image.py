"""Make a base image out of this machine's own Python: `python base_image.py NAME:TAG`.

The image holds the interpreter, its standard library, the shared libraries that both need, busybox-free and
shell-free: enough for a pure Python service. It exists so that the demo runs where no image can be pulled; with a
registry at hand, name a real one (`python:3.13-alpine`) in opsctl.yaml instead. Linux only.
"""

import io
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import docker

LEFT_OUT = {
    "__pycache__", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "dist-packages", "test", "tests",
    "tkinter", "turtledemo",
}  # fmt: skip
NEEDED_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def shared_libraries(binary):
    """Return the paths of the shared libraries that `binary` loads, its loader included."""
    done = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    return NEEDED_LIBRARY.findall(done.stdout)


def python_files():
    """Yield the interpreter and the files of its standard library."""
    yield Path(sys.executable).resolve()
    for name in ("stdlib", "platstdlib"):
        top = Path(sysconfig.get_path(name, vars={"base": sys.base_prefix, "platbase": sys.base_prefix}))
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name not in LEFT_OUT and not name.startswith("config-")]
            yield from (Path(folder, file) for file in files)


def root_tar():
    """Return a tar of the root file system of the image."""
    files = {str(path) for path in python_files()}
    binaries = [path for path in files if path.endswith(".so") or ".so." in path or "/bin/" in path]
    libraries = {library for binary in binaries for library in shared_libraries(binary)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as tar:
        for path in sorted(files | libraries):
            tar.add(path)
        link = tarfile.TarInfo("usr/local/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, str(Path(sys.executable).resolve())
        tar.addfile(link)
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
    return buffer.getvalue()


def main(name):
    """Import the image as `name` unless this interpreter's image is already there."""
    client = docker.from_env()
    label = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} {sys.base_prefix}"
    try:
        if client.images.get(name).labels.get("shop.python") == label:
            print(f"{name} is already there")
            return
    except docker.errors.ImageNotFound:
        pass
    repository, _, tag = name.rpartition(":")
    changes = [
        f'LABEL shop.python="{label}"',
        "ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1",
    ]
    client.api.import_image_from_data(root_tar(), repository=repository, tag=tag, changes=changes)
    print(f"{name} made from Python {label}")


if __name__ == "__main__":
    main(sys.argv[1])

"""Package the shop as one runnable file: `python package.py VERSION OUT` writes OUT, a Python zip application.

The same sources and version give the same bytes, so that a deploy of what already runs changes nothing.
"""

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def package(version, out):
    """Write the package of `version` to the path `out`."""
    sources = {path.relative_to(HERE).as_posix(): path.read_text() for path in sorted((HERE / "shop").glob("*.py"))}
    sources["shop/version.py"] = f'"""The version of the shop."""\n\nVERSION = {version!r}\n'
    sources["__main__.py"] = "from shop.server import main\n\nmain()\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(sources.items()):
                archive.writestr(zipfile.ZipInfo(name, LONG_AGO), text)
    out.chmod(0o755)


if __name__ == "__main__":
    package(sys.argv[1], Path(sys.argv[2]))

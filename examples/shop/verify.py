"""Verify a deployed package: `python verify.py shop.pyz VERSION` starts it and asks it over HTTP what it is."""

import json
import os
import re
import subprocess
import sys
import urllib.request


def main(package, expected):
    """Start the package on a free port, ask /up and /version, stop it; exit 1 when it is not what was expected."""
    env = os.environ | {"HOST": "127.0.0.1", "PORT": "0", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, package], env=env, stdout=subprocess.PIPE, text=True) as child:
        try:
            url = "http://" + re.search(r"listens on (\S+)", child.stdout.readline()).group(1)
            up = json.load(urllib.request.urlopen(f"{url}/up", timeout=5))
            version = json.load(urllib.request.urlopen(f"{url}/version", timeout=5))["version"]
        finally:
            child.terminate()
    print(f"{package}: {up['status']}, version {version}")
    if version != expected:
        sys.exit(f"expected version {expected}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""Put the uv program into a folder: ``get_uv.py VERSION FOLDER``.

For a python3 that has neither pip nor a working venv, as on a bare Debian: only the standard
library is used, and any Python 3 will do. The file's hash is held against the index's.
"""

import hashlib
import io
import json
import os
import platform
import stat
import sys
import urllib.request
import zipfile
from urllib.parse import urljoin

TAGS = {
    ("Linux", "x86_64"): "manylinux_2_17_x86_64",
    ("Linux", "aarch64"): "manylinux_2_17_aarch64",
    ("Darwin", "x86_64"): "macosx_10_12_x86_64",
    ("Darwin", "arm64"): "macosx_11_0_arm64",
}


def main(version, folder):
    """Download the wheel that fits this machine and take the program out of it."""
    tag = TAGS.get((platform.system(), platform.machine()))
    if tag is None:
        sys.exit(f"no uv for {platform.system()} on {platform.machine()} is known here")
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page = index.rstrip("/") + "/uv/"
    request = urllib.request.Request(
        page, headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    files = json.load(urllib.request.urlopen(request, timeout=60))["files"]
    fits = [f for f in files if f["filename"].startswith(f"uv-{version}-py3")]
    found = [f for f in fits if tag in f["filename"]]
    if not found:
        sys.exit(f"the index has no uv {version} for {tag}")
    content = urllib.request.urlopen(urljoin(page, found[0]["url"]), timeout=600).read()
    if hashlib.sha256(content).hexdigest() != found[0]["hashes"]["sha256"]:
        sys.exit(f"{found[0]['filename']} is not what the index says it is")
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, "uv")
    with zipfile.ZipFile(io.BytesIO(content)) as wheel, open(target, "wb") as out:
        out.write(wheel.read(f"uv-{version}.data/scripts/uv"))
    os.chmod(target, os.stat(target).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


if __name__ == "__main__":
    main(*sys.argv[1:])

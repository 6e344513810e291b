"""Python packages made on the spot, for installers that have no network."""

from __future__ import annotations

import io
import zipfile


def wheel(name: str, version: str, files: dict[str, str], entry: str | None = None) -> tuple[str, bytes]:
    """The file name and the content of a wheel; `entry` is a command that it installs, as `name = module:function`."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{entry}\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()

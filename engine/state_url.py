"""The URL of a state that is kept in a folder, as the CLI's file backend reads it.

It is a file: URL of RFC 8089, percent-encoded (RFC 3986), with parameters of the backend's own behind a `?`
(`gocloud.dev/blob/fileblob`). A path that is not encoded names another folder: what stands behind a `#` is no
part of it, and `%2F` divides it.

By itself the backend writes a file of attributes (`.attrs`) beside each of its own, in place: a run that is
killed between emptying and writing it leaves a state that the CLI refuses, and a reader of that moment is
refused, too. Nobody reads the attributes, so these URLs have it write none (`metadata=skip`). Its files
themselves are renamed into place.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

SCHEME: Final = "file://"
_PARAMETERS: Final = re.compile(
    r"\?(?:(?:base_url|create_dir|dir_file_mode|metadata|no_tmp_dir|secret_key_path)=[^&#?]*(?:&|\Z))+\Z"
)
_NO_ATTRIBUTES: Final = "metadata=skip"
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def url_of(folder: Path, parameters: str = "") -> str:
    """The URL of an absolute folder, without files of attributes in it unless the parameters ask for them.

    Args:
        parameters: with their `?`.
    """
    if re.search(r"[?&]metadata=", parameters):
        return folder.as_uri() + parameters
    return f"{folder.as_uri()}{parameters}{'&' if parameters else '?'}{_NO_ATTRIBUTES}"


def folder_of(url: str) -> Path:
    """The folder of such a URL."""
    path, _ = split(url)
    return Path(path)


def split(written: str) -> tuple[str, str]:
    """The path, decoded, and the parameters with their `?` of a URL, also as a person writes one.

    What can be meant in one way only is taken so: a `#`, a `%` that begins no escape, and a `?` before
    anything but the backend's parameters are letters of the path. The path may be a relative one.
    """
    path = written.removeprefix(SCHEME)
    parameters = _PARAMETERS.search(path)
    if parameters is not None:
        path = path[: parameters.start()]
    decoded = os.fsdecode(unquote_to_bytes(_NO_ESCAPE.sub("%25", path)))
    return decoded, parameters[0] if parameters else ""


def read_unencoded(folder: Path) -> Path | None:
    """The folder that the CLI reads out of a path that is not encoded; None: that very folder, or no other.

    Earlier versions of this project gave it such ones.
    """
    path = str(folder).partition("#")[0].partition("?")[0]
    if _NO_ESCAPE.search(path):
        return None  # the CLI refuses it
    read = Path(os.fsdecode(unquote_to_bytes(path)))
    return None if read == folder else read

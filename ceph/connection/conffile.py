"""Checks conf files and keyrings on disk without librados, and names the file and line of a mistake.

librados names neither. It waits forever if a conf file is a pipe, and some bytes kill its process.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from errno import EFBIG, EINVAL, EISDIR
from string import Template

from ceph.errors import ClusterUnavailable
from ceph.settings import ClusterSettings

LARGEST_BYTES = 1 << 20
LONGEST_SHOWN_CHARACTERS = 60
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DEFAULT_KEYRINGS = "/etc/ceph/$cluster.$name.keyring,/etc/ceph/$cluster.keyring,/etc/ceph/keyring,/etc/ceph/keyring.bin"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_BREAK = re.compile(r"\r\n|\n|\r")
_SECTION = re.compile(r"\[([^\[\]]+)\]\s*([#;].*)?$", re.ASCII)
_FSID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def check_conf(path: str) -> str:
    """Returns the text of a conf file. Raises ClusterUnavailable if it must not be given to librados."""
    data = read(path)
    mistake = _mistake(data)
    if mistake:
        raise unusable(path, mistake)
    return data.decode()


def check_keyring(path: str) -> None:
    """Raises ClusterUnavailable if reading a keyring would block librados forever or kill its process."""
    if read(path).startswith(BYTE_ORDER_MARK):
        raise unusable(path, _mistake(BYTE_ORDER_MARK) or "")


def read(path: str) -> bytes:
    """Returns the bytes of a file of at most 1 MiB. Raises ClusterUnavailable if it is no file or cannot be read."""
    try:
        path.encode()  # librados takes no other names
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise unusable(path, "it is a pipe, a socket or a device, not a file")
            data = file.read(LARGEST_BYTES + 1)
    except IsADirectoryError:
        raise unusable(path, "it is a directory, not a file", EISDIR) from None
    except OSError as error:
        raise unusable(path, f"{os.strerror(error.errno or EINVAL)}", error.errno or EINVAL) from error
    except ValueError:
        raise unusable(ascii(path), "its name is not UTF-8") from None
    if len(data) > LARGEST_BYTES:
        raise unusable(path, f"it is larger than {LARGEST_BYTES:,} bytes", EFBIG)
    return data


def unusable(path: str, reason: str, number: int = EINVAL) -> ClusterUnavailable:
    return ClusterUnavailable(f"{path} cannot be used: {reason}", number)


def _mistake(data: bytes) -> str | None:
    """Returns why no conf file may have these bytes; None if it may."""
    if data.startswith(BYTE_ORDER_MARK):
        return "it begins with a byte order mark: save it as UTF-8 without one"
    if data.startswith(UTF_16_MARKS) or b"\0" in data[:2]:
        return "it is UTF-16: save it as UTF-8"
    if b"\0" in data:
        return f"line {_line_at(data, data.index(0))} has a NUL byte: is it a text?"
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"line {_line_at(data, error.start)} is not UTF-8: save it as UTF-8"
    return None


def _line_at(data: bytes, place: int) -> int:
    return len(_BREAK.split(data[:place].decode("latin-1")))


# Its lines


def explained(path: str) -> str:
    """Returns what librados may fail on in a conf file or keyring, `: line 3 …`, or an empty text."""
    try:
        data = read(path)
    except ClusterUnavailable:
        return ""
    text = data.decode(errors="replace")
    found = _mistake(data) or foreign_character(text) or broken_line(text)
    return f": {found}" if found else ""


def foreign_character(text: str) -> str | None:
    """Returns the first character that kills librados 16: one that is not ASCII, outside of comments and quotes."""
    for number, line in enumerate(_BREAK.split(text), 1):
        found = re.search(r"[^\x00-\x7f]", _bare(line))
        if found:
            return f"line {number} has {found[0]!r} (U+{ord(found[0]):04X}) outside of a comment or quotes"
    return None


def _bare(line: str) -> str:
    """Returns a line without its comment, and without its value if that is quoted."""
    name, equals, value = line.partition("=")
    if equals and re.match(r"""\s*(".*"|'.*')\s*([#;].*)?$""", value):
        line = name
    return re.split(r"[#;]", line, maxsplit=1)[0]


def broken_line(text: str) -> str | None:
    """Returns what is wrong with the first line that does not belong in a conf file; None if all do."""
    in_section = False
    for number, line in _lines(text):
        reason = _broken(line, in_section)
        if reason:
            return f"line {number} {reason}, got {_shown(line)}"
        in_section = in_section or line.startswith("[")
    return None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields number and text of each line that is not empty or a comment, joined with the next after a backslash."""
    lines = enumerate(_BREAK.split(text), 1)
    for number, first in lines:
        line = first
        while line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]
        if line.strip(" \t") and line.strip(" \t")[0] not in "#;":
            yield number, line.strip(" \t")


def _broken(line: str, in_section: bool) -> str | None:
    if _CONTROL.search(line):
        return "has a control character"
    if line.startswith("["):
        return None if _SECTION.match(line) else "is not [section]"
    name, equals, value = line.partition("=")
    if not equals or not name.strip():
        return "is neither [section] nor name = value"
    if not in_section:
        return "stands before the first [section]"
    value = value.strip()
    if value[:1] in ('"', "'") and not re.match(r"""("[^"]*"|'[^']*')\s*([#;].*)?$""", value):
        return "has a quote without its end"
    return None


def _shown(line: str) -> str:
    cut = line if len(line) <= LONGEST_SHOWN_CHARACTERS else f"{line[:LONGEST_SHOWN_CHARACTERS]}…"
    return ascii(cut) if _CONTROL.search(cut) else repr(cut)


# Its options


def named_fsid(settings: ClusterSettings) -> str | None:
    """Returns the fsid that the conf file names for its client, or None. No conf file raises."""
    fsid = (_options(settings).get("fsid") or "").lower()
    return fsid if _FSID.fullmatch(fsid) and fsid.strip("0-") else None


def keyrings(settings: ClusterSettings) -> list[str]:
    """Returns the files in which librados looks for the key, in its order."""
    options = _options(settings)
    named = settings.keyring or options.get("keyring") or DEFAULT_KEYRINGS
    paths = re.split(r"[,; ]+", f"{named},{options.get('keyfile', '')}")
    name = settings.client_name
    meaning = {"cluster": "ceph", "type": "client", "name": name, "id": name.partition(".")[2]}
    return [Template(path).safe_substitute(meaning) for path in paths if path]


def keyring(settings: ClusterSettings) -> str | None:
    """Returns the file that librados uses as the keyring: the first one that exists."""
    return next(filter(os.path.exists, keyrings(settings)), None)


def _options(settings: ClusterSettings) -> dict[str, str]:
    """Returns the options of the conf file that apply to its client, even if librados must not read the file."""
    try:
        data = read(settings.conf)
    except ClusterUnavailable:
        return {}
    text = data.decode("utf-16" if data.startswith(UTF_16_MARKS) else "utf-8-sig", errors="replace")
    found: dict[str, dict[str, str]] = {"global": {}, "client": {}, settings.client_name: {}}
    section: dict[str, str] = {}
    for _, line in _lines(text):
        header = _SECTION.match(line)
        if header:
            section = found.get(header[1].strip(), {})
        else:
            name, _, value = line.partition("=")
            section[name.strip()] = re.split(r"[#;]", value, maxsplit=1)[0].strip(" \t\"'")
    return {name: value for section in found.values() for name, value in section.items()}

"""Ownership checks: the files of an embedded server must belong to this user.

The owner of a server's folder, lock or socket can read and change all its data. In another user's
folder, a name may also be a symbolic link to a file of this user. So no link is followed, and
files of other users are refused.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from rom.exceptions import ServerUnavailable

if sys.platform != 'win32':
    import pwd

#: Modes of files and folders that only this user may read, write and enter.
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700

_KINDS = {
    stat.S_IFREG: 'a file',
    stat.S_IFDIR: 'a folder',
    stat.S_IFIFO: 'a named pipe',
    stat.S_IFSOCK: 'a socket',
    stat.S_IFLNK: 'a symbolic link',
}


def check_folder(folder: Path) -> None:
    """Refuse a folder that belongs to another user.

    Raises:
        ServerUnavailable: with the folder, its owner and the remedy.
    """
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ServerUnavailable(
            f'no server can be embedded in {str(folder)!r}: the folder belongs to '
            f'{_user(found.st_uid)}, and this program runs as {_user(os.geteuid())}. Its owner can '
            'read and change the data. Name a folder of your own (one that does not exist '
            'yet is made), or run the program as the owner'
        )


def check_path(path: Path, kind: int) -> None:
    """Refuse a path that is not of this kind, or belongs to another user.

    Args:
        path: the path; a symbolic link is not followed.
        kind: the expected type of file, such as `stat.S_IFSOCK`.

    Raises:
        ServerUnavailable: with the path, its owner and the remedy.
        OSError: the path does not exist.
    """
    _check(path, os.lstat(path), kind)


def open_private(path: Path, flags: int, kind: int = stat.S_IFREG) -> int:
    """Open a file of this user, close it to all other users, and return the descriptor.

    Args:
        path: the path; a symbolic link is not followed.
        flags: as for `os.open`; without ``O_TRUNC``, which would take effect before the check.
        kind: the expected type of file, such as `stat.S_IFIFO`.

    Raises:
        ServerUnavailable: the file is of another type, or belongs to another user.
        OSError: the file cannot be opened.
    """
    try:
        opened = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            check_path(path, kind)
        raise
    try:
        found = os.fstat(opened)
        _check(path, found, kind)
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(opened, PRIVATE_FILE)
    except BaseException:
        os.close(opened)
        raise
    return opened


def make_private(path: Path) -> None:
    """Remove all other users' permissions from a file or folder, if it belongs to this user."""
    found = os.lstat(path)
    if found.st_uid != os.geteuid() or not stat.S_IMODE(found.st_mode) & 0o077:
        return
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        path.chmod(stat.S_IMODE(found.st_mode) & 0o700)


def _check(path: Path, found: os.stat_result, kind: int) -> None:
    if stat.S_IFMT(found.st_mode) != kind:
        found_kind = _KINDS.get(stat.S_IFMT(found.st_mode), 'something else')
        problem = f'it is {found_kind} instead of {_KINDS[kind]}'
    elif found.st_uid != os.geteuid():
        problem = (
            f'it belongs to {_user(found.st_uid)}, and this program runs as {_user(os.geteuid())}'
        )
    elif kind == stat.S_IFREG and found.st_nlink > 1:
        problem = 'the same file has another name (a hard link)'
    else:
        return
    raise ServerUnavailable(
        f'no server can be embedded in {str(path.parent)!r}: {path.name!r} there is not to be '
        f'trusted, because {problem}. Find out who made it; then remove it, or name another folder'
    )


def _user(uid: int) -> str:
    try:
        return f'{pwd.getpwuid(uid).pw_name} (uid {uid})'
    except KeyError:
        return f'uid {uid}'

"""Who runs the engines, and whether that account can reach what it needs.

PostgreSQL refuses root. So root hands both engines to an unprivileged account: the checkout's owner, else `nobody`.
That account must be able to enter the data folder and to run the binaries. What lies inside the checkout may be
opened for it, and a line says so; a closed folder above the checkout is somebody's private home and stays closed.
"""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class EnginesUnavailable(RuntimeError):
    """The embedded engines cannot be had. The text is one sentence for a person."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int


def say(line: str) -> None:
    """Tell the person at the terminal, on the error stream: standard output may be somebody's file."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # the terminal is gone


def engine_account() -> Account | None:
    """The account that root hands the engines to; None for a normal user, who runs them as himself."""
    if os.geteuid() != 0:
        return None
    owner = CHECKOUT.stat().st_uid
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:  # an owner without a passwd entry, as in a container: initdb refuses him
        entry = pwd.getpwnam("nobody")
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def make_data_folder(data: Path) -> None:
    """Make the data folder, closed to other users; root lets them pass through it, for the engines' account."""
    root = os.geteuid() == 0
    try:
        data.mkdir(parents=True, exist_ok=True)
        owner = data.stat().st_uid
        if root or owner == os.geteuid():
            data.chmod(0o711 if root else 0o700)
        if root:
            _leave_to_the_checkout(data)
    except OSError as error:
        raise EnginesUnavailable(f"The data folder {data} cannot be made: {error.strerror}.") from error
    if not root and owner != os.geteuid():
        raise EnginesUnavailable(
            f"The data folder {data} belongs to {_name(owner)}: run as {_name(owner)}, take it over with chown -R, "
            "or set RAPPORT_DATA to a folder of your own."
        )


def _leave_to_the_checkout(data: Path) -> None:
    """What root made in somebody's checkout belongs to that somebody."""
    owner = CHECKOUT.stat()
    for folder in (data, *data.parents):
        if CHECKOUT in folder.parents and folder.stat().st_uid == 0:
            os.chown(folder, owner.st_uid, owner.st_gid)


def share_with_owner(path: Path) -> None:
    """Let a file that root made in the data folder belong to the folder's owner, who may come back without root."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def own(folder: Path, account: Account | None) -> None:
    """Make `folder`, mode 0700, and let it and all within belong to the account."""
    folder.mkdir(exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    if account and folder.stat().st_uid != account.uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def require_reach(account: Account, *, folders: list[Path], programs: list[Path], checkout: Path = CHECKOUT) -> None:
    """Make sure that the account can enter `folders` and read and run everything in the trees `programs`.

    Raises EnginesUnavailable for a closed folder outside the checkout, whose mode is left as it is.
    """
    opened: set[Path] = set()
    for target in (*folders, *programs):
        opened |= _open_parents(target.resolve(), account, checkout)
    for tree in programs:
        opened |= _open_tree(tree.resolve(), account, checkout)
    if opened:
        names = ", ".join(sorted(_short(path, checkout) for path in opened))
        say(f"Opened for reading by {account.name}, who runs PostgreSQL and Valkey for root: {names}")


def _open_parents(target: Path, account: Account, checkout: Path) -> set[Path]:
    closed = [folder for folder in reversed(target.parents) if not _allows(folder, account, stat.S_IXOTH)]
    for folder in closed:
        _open(folder, stat.S_IXOTH, account, checkout)
    return set(closed)


def _open_tree(tree: Path, account: Account, checkout: Path) -> set[Path]:
    closed = False
    for path in (tree, *tree.rglob("*")):
        mode = path.stat().st_mode
        wanted = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if not _allows(path, account, wanted):
            _open(path, wanted, account, checkout)
            closed = True
    return {tree} if closed else set()


def _open(path: Path, bits: int, account: Account, checkout: Path) -> None:
    inside = path.is_relative_to(checkout) and path != Path.home()
    if not inside:
        raise EnginesUnavailable(
            f"PostgreSQL cannot run as root, and {account.name} may not enter {path}: "
            "move the checkout out of this private folder, or run as a normal user."
        )
    path.chmod(path.stat().st_mode | bits)


def _allows(path: Path, account: Account, bits: int) -> bool:
    """Whether the mode of `path` grants the account `bits` (given as those of "others")."""
    facts = path.stat()
    shift = 6 if facts.st_uid == account.uid else 3 if facts.st_gid == account.gid else 0
    return facts.st_mode & (bits << shift) == bits << shift


def _short(path: Path, checkout: Path) -> str:
    return str(path.relative_to(checkout)) if path != checkout else str(path)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"

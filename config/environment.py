"""Makes `.venv` with the locked requirements, or finds that it is whole: `python -I config/environment.py [--dev]`.

Run by the system's Python, so it uses the standard library only, and isolated (-I), so that the modules beside it stand
in nobody's way. What was installed is stamped at the very end: without its stamp a half-made `.venv` is mended.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main() -> int:
    """Returns the exit code; what goes wrong is said in one sentence."""
    wanted = "requirements-dev.txt" if "--dev" in sys.argv[1:] else "requirements.txt"
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make up` and `make test` may begin at the same time
        if is_installed(wanted):
            return 0
        return make_venv() or install(wanted)


def is_installed(requirements: str) -> bool:
    """The development half holds the other one."""
    names = {requirements, "requirements-dev.txt"}
    return works() and any(stamp(name).is_file() and stamp(name).read_text() == content(name) for name in names)


def stamp(requirements: str) -> Path:
    return VENV / f".installed-{requirements}"


def content(requirements: str) -> str:
    """What the stamp says: scripts in `.venv` name its path, so a moved checkout is another one."""
    return f"{VENV}\n{hashlib.sha256((ROOT / requirements).read_bytes()).hexdigest()}\n"


def works() -> bool:
    """Whether `.venv` has a Python that runs and a pip: the Python that it was made with may be gone."""
    command: list[str | Path] = [PYTHON, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return PYTHON.exists() and subprocess.run(command, check=False, capture_output=True).returncode == 0


def make_venv() -> int:
    if works() and not is_moved():
        return 0
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    say(f"Making .venv with Python {sys.version_info.major}.{sys.version_info.minor}")
    done = subprocess.run([sys.executable, "-m", "venv", VENV], check=False, capture_output=True, text=True)
    if done.returncode:
        say(f"The virtual environment cannot be made: {(done.stdout + done.stderr).strip()}")
    return done.returncode


def is_moved() -> bool:
    """Whether `.venv` was made elsewhere; without any stamp nobody knows, and its scripts tell."""
    script = VENV / "bin" / "pip"
    return not script.is_file() or str(VENV) not in script.read_text(errors="replace")


def install(requirements: str) -> int:
    say(f"Installing {requirements}; the first time this takes a minute or two")
    stamp(requirements).unlink(missing_ok=True)
    options = ["--require-hashes", "--disable-pip-version-check", "--no-input", "--quiet", "--root-user-action=ignore"]
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", *options, "-r", ROOT / requirements]
    code = subprocess.run(command, check=False).returncode
    if code:
        say("The requirements cannot be installed: pip's lines above say why.")
    else:
        stamp(requirements).write_text(content(requirements))
    return code


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())

"""Real engines in data folders of their own: everything that people do to them, and what is to come of it."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import redis

from config import engines
from config.engines import account as accounts
from config.engines.account import Account, EnginesUnavailable, require_reach
from config.engines.postgres import Postgres, socket_folder
from config.engines.process import living
from config.engines.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
NOBODY = Account(name="nobody", uid=65534, gid=65534)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that other accounts may pass through: pytest's own are closed, and root's engines run as somebody else."""
    made = Path(tempfile.mkdtemp(prefix="rapport-test-", dir="/tmp")).resolve()
    made.chmod(0o711)
    try:
        yield made
    finally:
        for data in (path.parent for path in made.rglob("users.lock")):
            end(data)
        shutil.rmtree(made)


def end(data: Path) -> None:
    engines.detach(data)
    for engine in (Postgres(data=data), Valkey(data=data)):
        engine.stop(patience=1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """One data folder for the tests that leave it whole: making a database takes a second."""
    with folder() as made:
        yield made / "data"


@pytest.fixture
def data(shared: Path) -> Iterator[Path]:
    yield shared
    end(shared)


@pytest.fixture
def other() -> Iterator[Path]:
    with folder() as made:
        yield made


def attach(data: Path, **which: bool) -> engines.Engines:
    return engines.attach(data, small=True, **which)


def server(data: Path) -> int:
    """The postmaster's pid."""
    return int((data / "postgres" / "postmaster.pid").read_text().split()[0])


def value(data: Path, query: str) -> object:
    with psycopg.connect(engines.addresses(data).database_url) as connection:
        return connection.execute(query).fetchone()[0]


def ping(data: Path) -> bool:
    with redis.Redis.from_url(engines.addresses(data).redis_url, socket_timeout=2) as client:
        return client.ping()


@contextmanager
def user(data: Path) -> Iterator[subprocess.Popen]:
    """Another process that uses the engines until its standard input is closed."""
    code = f"from pathlib import Path; from config import engines; import sys; engines.attach(Path({str(data)!r}), small=True); print('up', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait(30)


def down(data: Path) -> bool:
    return not living(data / "postgres", "postgres") and not living(data / "valkey", "valkey-server")


def test_asking_for_addresses_starts_nothing_and_they_stay_the_same(other):
    first = engines.addresses(other / "data")

    assert engines.addresses(other / "data") == first
    assert first.database_url.startswith("postgresql://postgres:@")
    assert not engines.are_up(other / "data")
    assert (other / "data" / "valkey.json").stat().st_mode & 0o077 == 0


def test_a_cut_off_address_file_is_replaced(other):
    engines.addresses(other)
    (other / "valkey.json").write_text('{"port": 12')

    assert engines.addresses(other) == engines.addresses(other)


def test_what_is_attached_answers_and_is_tuned(data):
    attach(data)

    assert engines.are_up(data)
    assert ping(data)
    assert value(data, "SHOW max_connections") == "300"
    assert value(data, "SHOW jit") == "off"
    assert value(data, "SHOW fsync") == value(data, "SHOW synchronous_commit") == "on"
    assert value(data, "SELECT current_database()") == "rapport"
    assert value(data, "SHOW listen_addresses") == ""


def test_nobody_else_may_enter_and_the_password_is_on_no_command_line(data):
    url = attach(data).redis_url

    assert stat.S_IMODE(socket_folder(data).stat().st_mode) == 0o700
    password = url.split(":")[2].split("@")[0]
    assert all(password not in " ".join(process.cmdline()) for process in living(data / "valkey", "valkey-server"))


def test_the_vector_extension_is_there(data):
    attach(data, valkey=False)

    assert value(data, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1


@pytest.mark.parametrize(
    "claim",
    ["4194303\n/elsewhere\n1\n5432\n/elsewhere\n\n  1 1\nready   \n", "41", "", f"{os.getpid()}\n/elsewhere\n", "-7\n"],
    ids=["stale", "cut off", "empty", "reused pid", "nonsense"],
)
def test_a_pid_file_that_lies_is_no_hindrance(data, claim):
    attach(data, valkey=False)
    end(data)
    for path in (data / "postgres" / "postmaster.pid", socket_folder(data) / ".s.PGSQL.5432.lock"):
        path.write_text(claim)

    attach(data, valkey=False)

    assert value(data, "SELECT 1") == 1


def test_a_half_made_data_folder_is_set_aside(other):
    half = other / "postgres"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (other / "postgres.new").mkdir()

    attach(other, valkey=False)

    assert value(other, "SELECT 1") == 1
    assert (other / "postgres.unusable" / "PG_VERSION").exists()


def test_a_killed_postgres_comes_back_with_its_rows_though_a_connection_was_open(data):
    attach(data)
    with psycopg.connect(engines.addresses(data).database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS seven")
        os.kill(server(data), signal.SIGKILL)

        attach(data)

    assert value(data, "SELECT seven FROM kept") == 7


def test_a_killed_valkey_comes_back_at_its_address(data):
    before = attach(data)
    for process in living(data / "valkey", "valkey-server"):
        process.kill()

    after = attach(data)

    assert after == before
    assert ping(data)


def test_a_valkey_whose_journal_is_spoilt_begins_with_none(data):
    attach(data, postgres=False)
    end(data)
    for file in (data / "valkey" / "appendonlydir").glob("*.manifest"):
        file.write_text("nonsense")

    attach(data, postgres=False)

    assert ping(data)


def test_a_foreign_program_on_valkeys_port_makes_it_move_for_good(other):
    before = engines.addresses(other)
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", int(before.redis_url.rsplit(":")[-1].split("/")[0])))
        foreign.listen()

        after = attach(other, postgres=False)

    assert after.redis_url != before.redis_url
    assert ping(other)
    assert engines.addresses(other) == after


def test_two_data_folders_live_side_by_side(data, other):
    first, second = attach(data), attach(other)

    assert first.database_url != second.database_url
    assert first.redis_url != second.redis_url
    assert value(data, "SHOW data_directory") == str(data / "postgres")
    assert value(other, "SHOW data_directory") == str(other / "postgres")


def test_a_path_too_long_for_a_socket_gets_a_short_folder_of_its_own(other):
    long = other / ("a-rather-long-name-" * 6) / "data"
    long.parent.mkdir(mode=0o711)
    place = socket_folder(long)
    try:
        attach(long, valkey=False)

        assert value(long, "SELECT 1") == 1
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    finally:
        end(long)
        shutil.rmtree(place)


def test_a_socket_folder_that_somebody_else_made_is_refused(other):
    long = other / ("a-rather-long-name-" * 6) / "data"
    long.parent.mkdir(mode=0o711)
    elsewhere = other / "elsewhere"
    elsewhere.mkdir()
    socket_folder(long).symlink_to(elsewhere)
    try:
        with pytest.raises(EnginesUnavailable, match="belongs to somebody else"):
            attach(long, valkey=False)
    finally:
        socket_folder(long).unlink()


def test_the_last_user_stops_the_engines(data):
    with user(data) as first, user(data):
        first.stdin.close()
        first.wait(30)
        assert engines.are_up(data)
    assert down(data)


def test_a_user_that_was_killed_does_not_keep_the_engines_for_ever(data):
    with user(data) as first:
        first.kill()
        first.wait(30)
    assert engines.are_up(data)

    with user(data):
        pass

    assert down(data)


def test_a_fork_of_a_user_does_not_stop_the_engines_when_it_detaches(data):
    attach(data, postgres=False)
    code = os.fork()
    if code == 0:
        os._exit(int(engines.detach(data)))

    assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 0
    assert engines.are_up(data, postgres=False)


def test_only_what_no_address_replaces_is_attached(data, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/rapport")
    monkeypatch.delenv("REDIS_URL", raising=False)

    engines.attach_missing(data, small=True)

    assert engines.are_up(data, postgres=False)
    assert not engines.are_up(data, valkey=False)


def test_a_server_that_cannot_start_is_explained_in_one_sentence(other):
    attach(other, valkey=False)
    end(other)
    with (other / "postgres" / "postgresql.conf").open("a") as file:
        file.write("nonsense = 'yes'\n")

    with pytest.raises(EnginesUnavailable, match=r"PostgreSQL does not start: .*postgres\.log") as caught:
        attach(other, valkey=False)

    assert "\n" not in str(caught.value)


def test_a_data_folder_that_cannot_be_made_is_explained(other):
    (other / "file").touch()

    with pytest.raises(EnginesUnavailable, match="cannot be made"):
        engines.addresses(other / "file" / "data")


def test_a_private_home_above_the_checkout_is_refused_and_left_closed(other):
    home = other / "home"
    checkout = home / "rapport"
    checkout.mkdir(parents=True)
    home.chmod(0o700)

    with pytest.raises(EnginesUnavailable, match="move the checkout out of this private folder"):
        require_reach(NOBODY, folders=[checkout / ".data"], programs=[], checkout=checkout)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_what_is_closed_inside_the_checkout_is_opened_for_reading_and_named(other, capfd):
    program = other / "rapport" / ".venv" / "bin"
    program.mkdir(parents=True)
    (program / "tool").touch(mode=0o700)
    (other / "rapport" / ".venv").chmod(0o700)

    require_reach(NOBODY, folders=[], programs=[program], checkout=other / "rapport")

    assert (program / "tool").stat().st_mode & 0o005 == 0o005
    assert not (program / "tool").stat().st_mode & 0o022
    assert ".venv" in capfd.readouterr().err


def test_a_home_that_is_itself_the_checkout_stays_closed(other, monkeypatch):
    other.chmod(0o700)
    monkeypatch.setenv("HOME", str(other))

    with pytest.raises(EnginesUnavailable, match="private folder"):
        require_reach(NOBODY, folders=[other / ".data"], programs=[], checkout=other)


def test_a_normal_user_runs_the_engines_as_himself(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1234)

    assert accounts.engine_account() is None


def test_root_hands_the_engines_to_an_account_that_is_not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert accounts.engine_account().uid != 0


def test_a_start_that_takes_long_is_waited_for_only_so_long(other):
    held = engines.lock.starting(other, patience=0.2)
    began = time.monotonic()

    with engines.lock.starting(other), pytest.raises(EnginesUnavailable, match="has been starting"), held:
        pass

    assert time.monotonic() - began < 10

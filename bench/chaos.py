"""Hurt a whole Rapport while it works, and judge it by its database and the provider's ledger when all is calm.

    .venv/bin/python bench/chaos.py [--seed 1] [--rounds 1] [--full]

A round strikes with every fault once, in an order that the seed gives; the provider misbehaves on 15 % of all calls.
Everything is the run's own: engines, ports, data. Ends with 1 when an invariant is broken; the seed replays the run.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from communications.tests.chaos.faults import plan
from communications.tests.chaos.harness import Chaos
from communications.tests.chaos.invariants import Verdict, gather, judge

FULL_ROUNDS = 10


def run(*, seed: int, rounds: int, messages: int, folder: Path) -> bool:
    """One run; whether every invariant holds."""
    chaos = Chaos(folder / "data", seed=seed)
    faults = plan(seed=seed, rounds=rounds)
    began = time.monotonic()
    try:
        chaos.begin()
        print(f"seed {seed}: {len(faults)} faults; ready after {time.monotonic() - began:.0f} s", flush=True)
        chaos.run(faults, messages=messages * rounds, webhooks=messages * rounds // 5)
        verdicts = judge(chaos)
        report(chaos, verdicts, seconds=time.monotonic() - began)
    finally:
        chaos.end()
    return all(verdict.holds for verdict in verdicts)


def report(chaos: Chaos, verdicts: list[Verdict], *, seconds: float) -> None:
    evidence = gather(chaos)
    for struck in chaos.struck:
        print(f"{struck.at:7.1f} s  {struck.name:<24}{struck.seconds:6.1f} s")
    statuses = sorted({row.status for row in evidence.rows})
    counted = ", ".join(f"{sum(row.status == status for row in evidence.rows)} {status}" for status in statuses)
    refused = len(chaos.rapport.emulator.ledger("refused"))
    rows = [
        ("messages accepted by the API", f"{len(chaos.promises.accepted)}"),
        ("messages in the end", counted),
        ("taken by the provider", f"{sum(evidence.taken.values())} ({refused} calls refused)"),
        ("flagged as possible duplicates", f"{sum(row.possible_duplicate for row in evidence.rows)}"),
        ("inbound messages acknowledged", f"{len(chaos.promises.acknowledged)}"),
        ("longest wait of a caller", f"{chaos.promises.longest:.1f} s"),
        ("seconds, all in all", f"{seconds:.0f}"),
    ]
    for name, figure in rows:
        print(f"{name:<36}{figure}")
    for verdict in verdicts:
        print(f"{verdict.name:<5}{'holds ' if verdict.holds else 'BROKEN'}  {verdict.says}")
        for line in verdict.broken:
            print(f"             {line}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--messages", type=int, default=600, help="to take on, a round; a fifth as many come in")
    parser.add_argument("--full", action="store_true", help=f"{FULL_ROUNDS} rounds")
    parser.add_argument("--keep", action="store_true", help="leave the data and the log where they are")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rapport-chaos-"))
    folder.chmod(0o755)
    try:
        rounds = FULL_ROUNDS if arguments.full else arguments.rounds
        held = run(seed=arguments.seed, rounds=rounds, messages=arguments.messages, folder=folder)
    finally:
        if arguments.keep:
            print(f"data and log: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""Hurt a whole Rapport while it works, and judge it by its database and the provider's ledger when all is calm.

    .venv/bin/python bench/chaos.py [--seed 1] [--minutes 3] [--full] [--sender-killed 4] ...

Each fault strikes as often as its flag says, spread over the minutes; faults that hit different processes overlap. Two
senders, three beats, and a provider that misbehaves on 15 % of all calls. Everything is the run's own: engines, ports,
data. Ends with 1 when an invariant is broken; the seed replays the run.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from communications.tests.chaos.fates import fates
from communications.tests.chaos.faults import FAULTS, plan
from communications.tests.chaos.harness import Chaos
from communications.tests.chaos.invariants import Evidence, Verdict, gather, judge

FULL_MINUTES = 55.0
SMALL = 2  # strikes of each fault
FULL = {
    "sender killed": 100,
    "sender frozen": 10,
    "PostgreSQL stopped": 10,
    "Redis stopped": 10,
    "Redis emptied": 10,
    "Redis frozen": 5,
}
FULL_AT_FAILPOINT = 50
_FATES = ("met", "lost", "doubled", "flagged", "uncertain")


def run(chaos: Chaos, counts: Mapping[str, int], *, minutes: float) -> bool:
    """One run; whether every invariant holds."""
    began = time.monotonic()
    try:
        chaos.begin()
        faults = sum(counts.values())
        print(f"seed {chaos.seed}: {faults} faults in {minutes:g} minutes; ready after {_since(began)}", flush=True)
        chaos.run(plan(counts, seed=chaos.seed), seconds=minutes * 60)
        evidence = gather(chaos)
        verdicts = judge(evidence)
        print_table(evidence)
        print_summary(evidence)
        print_verdicts(verdicts)
    finally:
        chaos.end()
    print(f"{_since(began)}, all in all")
    return all(verdict.holds for verdict in verdicts)


def print_table(evidence: Evidence) -> None:
    """Per fault: what became of the messages that met it."""
    print(f"\n{'':<24}{'strikes':>8}{'longest':>10}" + "".join(f"{fate:>11}" for fate in _FATES))
    for name, fate in fates(evidence).items():
        counts = "".join(f"{fate.counts[each]:>11}" for each in _FATES)
        share = f"{fate.counts['uncertain'] / fate.counts['met']:9.3%}" if fate.counts["met"] else ""
        print(f"{name:<24}{fate.strikes:>8}{fate.seconds:>8.1f} s{counts}{share}")
    print("met: taken on after it; doubled: without a flag; flagged: doubled, and said so; uncertain: for good\n")


def print_summary(evidence: Evidence) -> None:
    promises, rows = evidence.chaos.load.promises, evidence.rows
    statuses = sorted({row.status for row in rows})
    counted = ", ".join(f"{sum(row.status == status for row in rows)} {status}" for status in statuses)
    taken = sum(len(times) for times in evidence.taken.values())
    refused = len(evidence.chaos.rapport.emulator.ledger("refused"))
    for name, figure in (
        ("messages accepted one by one", f"{len(promises.accepted)}"),
        ("messages asked for in bulk", f"{sum(promises.bulks.values())} in {len(promises.bulks)} requests"),
        ("messages in the end", counted),
        ("taken by the provider", f"{taken} ({refused} calls refused)"),
        ("flagged as possible duplicates", f"{sum(row.possible_duplicate for row in rows)}"),
        ("inbound messages acknowledged", f"{len(promises.acknowledged)}"),
        ("longest wait of a caller", f"{promises.longest:.1f} s"),
    ):
        print(f"{name:<36}{figure}")


def print_verdicts(verdicts: list[Verdict]) -> None:
    print()
    for verdict in verdicts:
        print(f"{verdict.name:<5}{'holds ' if verdict.holds else 'BROKEN'}  {verdict.says}")
        for line in verdict.broken:
            print(f"             {line}")


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"


def _flag(name: str) -> str:
    """`--sender-killed`, `--postgresql-stopped`, `--killed-after-claim`."""
    return "--" + name.lower().replace(" ", "-").replace("_", "-")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="over which the faults are spread; 3 by default")
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second besides the bulk requests")
    parser.add_argument("--mail", type=float, default=0.2, help="the share of requests that ask for an e-mail")
    parser.add_argument("--full", action="store_true", help=f"{FULL_MINUTES:g} minutes, with the counts we aim at")
    parser.add_argument("--keep", action="store_true", help="leave the data and the log where they are")
    for name in FAULTS:
        full = FULL.get(name, FULL_AT_FAILPOINT)
        parser.add_argument(
            _flag(name), dest=name, type=int, metavar="N", help=f"strikes; {SMALL} by default, {full} with --full"
        )
    return parser.parse_args()


def main() -> int:
    arguments = read_arguments()
    full = {name: FULL.get(name, FULL_AT_FAILPOINT) if arguments.full else SMALL for name in FAULTS}
    asked = {name: getattr(arguments, name) for name in FAULTS}
    counts = {name: full[name] if asked[name] is None else asked[name] for name in FAULTS}
    minutes = arguments.minutes or (FULL_MINUTES if arguments.full else 3.0)
    folder = Path(tempfile.mkdtemp(prefix="rapport-chaos-"))
    folder.chmod(0o755)
    try:
        load = {"rate": arguments.rate, "mail": arguments.mail}
        chaos = Chaos(folder / "data", seed=arguments.seed, beats=3, **load)
        held = run(chaos, counts, minutes=minutes)
    finally:
        if arguments.keep:
            print(f"data and log: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

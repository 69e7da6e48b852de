"""Questions to the ledger, answered from the file itself and not from memory. Blocking: call in a thread."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from communications.emulator.ledger import Entry, Ledger

MOST = 1000


def select(
    ledger: Ledger,
    *,
    kind: str | None = None,
    since: int | float | None = None,
    to: str | None = None,
    reference: str | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """Oldest first, at most `limit`. `since` int: entries after this `seq`; float: from this epoch second on."""
    return list(islice(_matching(ledger.read(), {"kind": kind, "to": to, "reference": reference}, since), limit))


def _matching(entries: Iterator[Entry], wanted: dict[str, str | None], since: int | float | None) -> Iterator[Entry]:
    asked = {name: value for name, value in wanted.items() if value is not None}
    for entry in entries:
        if _is_since(entry, since) and all(entry.get(name) == value for name, value in asked.items()):
            yield entry


def _is_since(entry: Entry, since: int | float | None) -> bool:
    if since is None:
        return True
    return bool(entry["seq"] > since if isinstance(since, int) else entry["at"] >= since)


def count(ledger: Ledger, *, kind: str, group_by: Sequence[str]) -> dict[str, Any]:
    """How often each key occurs among the entries of a kind. The key is one value, or several joined by a line feed.

    `total` entries, `without` a key, `groups` different keys, `duplicates` (all keys seen more than once, most frequent
    first), `counts` (key to number, the most frequent 1,000)."""
    seen: Counter[str] = Counter()
    total = without = 0
    for entry in ledger.read():
        if entry["kind"] != kind:
            continue
        total += 1
        values = [entry.get(name) for name in group_by]
        if None in values:
            without += 1
        else:
            seen["\n".join(map(str, values))] += 1
    repeated = [{"key": key, "count": times} for key, times in seen.most_common() if times > 1]
    counts = dict(seen.most_common(MOST))
    return {"total": total, "without": without, "groups": len(seen), "duplicates": repeated, "counts": counts}

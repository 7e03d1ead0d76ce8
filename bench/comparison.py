"""What the comparisons beside this file share: figures of several rounds, their medians beside targets, the table."""
import json
import math
import statistics
import subprocess
import sys


class Results:
    """Figures of all rounds, by row and by whose they are."""

    def __init__(self):
        self.rows = {}

    def add(self, row, who, value):
        self.rows.setdefault(row, {}).setdefault(who, []).append(value)

    def median(self, row, who):
        values = self.rows.get(row, {}).get(who)
        return statistics.median(values) if values else None


def show(what):
    if sys.stderr.isatty():
        print(f"\r\033[K{what} …", end="", file=sys.stderr, flush=True)


def finite(value):
    """What JSON can say: nothing of a server that never recovered."""
    return value if math.isfinite(value) else None


def summarise(results, targets):
    """Of each (row, compared with, what counts, its bound): a ratio must not be below it, a value not above it."""
    summary = []
    for row, other, counts, bound in targets:
        ours, theirs = results.median(row, "itemgate"), results.median(row, other)
        if ours is None:
            continue
        figure = ours / theirs if counts == "ratio" else ours
        met = None if bound is None else figure >= bound if counts == "ratio" else figure <= bound
        summary.append({"row": row, "itemgate": finite(ours), "compared_with": other, "theirs": theirs,
                        "ratio": figure if counts == "ratio" else None, "target": bound, "met": met,
                        "rounds": {who: list(map(finite, values)) for who, values in results.rows[row].items()}})
    return summary


def print_table(summary):
    def number(value):
        return "never" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"

    width = max([38, *(len(row["row"]) + 2 for row in summary)])
    print(f"{'':<{width}}{'itemgate':>12}{'compared with':>28}{'ratio':>8}{'target':>10}")
    for row in summary:
        theirs = f"{row['compared_with']} {number(row['theirs'])}" if row["compared_with"] else ""
        sign = "" if row["target"] is None else (">= " if row["ratio"] else "<= ") + f"{row['target']:g}"
        verdict = "  missed" if row["met"] is False else ""
        print(f"{row['row']:<{width}}{number(row['itemgate']):>12}{theirs:>28}"
              f"{number(row['ratio']) if row['ratio'] else '':>8}{sign:>10}{verdict}")


def finish(name, summary, settings, plot, out):
    """Prints the table, writes both files, and says whether every target was met."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    print_table(summary)
    (out / f"{name}.json").write_text(json.dumps({"settings": settings, "rows": summary}, indent=1) + "\n")
    (out / f"{name}.svg").write_text(plot)
    print(f"\nWritten: {out}/{name}.json, {name}.svg")
    return not any(row["met"] is False for row in summary)


def read_loads(name, command, output, errors):
    """The loads that a generator's run tells of; says what it complained of."""
    try:
        loads = json.loads(output)["loads"]
    except (ValueError, KeyError):
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{errors}{output[:2000]}") from None
    for load in loads:
        for problem in load["problems"]:
            print(f"\n{name}: {load['name']}: {problem}", file=sys.stderr)
    return loads


FAILURES = (OSError, RuntimeError, subprocess.CalledProcessError)

"""What was measured, as lines while it runs and as Markdown at the end."""

import datetime
import os
import re
import subprocess
from pathlib import Path

from .load import median, spread


class Report:
    """Tables by section, and the targets with what was reached."""

    def __init__(self):
        self.tables = []
        self.targets = []

    def table(self, title, columns):
        self.tables.append((title, columns, []))
        print(f"\n{title}\n  " + "  ".join(f"{column:>14}" for column in columns), flush=True)

    def row(self, *cells):
        self.tables[-1][2].append(cells)
        print("  " + "  ".join(f"{cell:>14}" for cell in cells), flush=True)

    def target(self, what, value, bound, unit=""):
        """At most `bound`. A value of None was not measured and is left out."""
        if value is not None:
            self.verdict(what, value, f"≤ {bound:g}{unit}", value <= bound, unit)

    def target_at_least(self, what, value, bound, unit=""):
        if value is not None:
            self.verdict(what, value, f"≥ {bound:g}{unit}", value >= bound, unit)

    def verdict(self, what, value, bound, is_met, unit):
        self.targets.append((what, bound, f"{value:.2f}{unit}", "yes" if is_met else "**no**"))
        print(f"  {what}: {value:.2f}{unit}, wanted {bound}: {'yes' if is_met else 'NO'}", flush=True)

    def markdown(self, options):
        lines = ["# Performance: one run", "", "<!-- Written by bench/compare/run --write; not by hand. -->", "", *machine(options)]
        if self.targets:
            lines += markdown_table(("target", "wanted", "measured", "met"), self.targets)
        for title, columns, rows in self.tables:
            lines += ["", f"### {title}", "", *markdown_table(columns, rows)]
        return "\n".join(lines) + "\n"


def markdown_table(columns, rows):
    dashes = "|".join(" --- " if at == 0 else " ---: " for at in range(len(columns)))
    return ["| " + " | ".join(row) + " |" for row in [columns]] + [f"|{dashes}|"] + [
        "| " + " | ".join(row) + " |" for row in rows
    ]


def machine(options):
    """Where and with what it was measured."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = processor.group(1) if processor else "unknown processor"
    kernel = os.uname().release
    revision = output(["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"])
    return [
        f"{datetime.date.today()}, revision {revision}, {options.rounds} rounds of {options.seconds} s;",
        f"{processor}, {os.cpu_count()} CPUs, Linux {kernel}, load average of others"
        f" {options.load_before:.1f} at the start.",
        "",
    ]


def output(argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout.strip()
    except OSError:
        return "unknown"


def ratio(outcomes, name, base):
    """CPU for each request beside another peer's, round by round, and of these the median: what
    disturbs a round disturbs both. None if one of them was not measured."""
    if not outcomes.get(name) or not outcomes.get(base):
        return None
    pairs = zip(outcomes[name], outcomes[base], strict=True)
    return median([one.cpu_us / other.cpu_us for one, other in pairs])


def cpu_table(report, title, outcomes, base):
    """CPU for each request of every peer."""
    report.table(title, ("peer", "CPU µs/request", "±%", f"of {base}", "requests/s", "p50 ms", "p99 ms"))
    for name, runs in outcomes.items():
        cpu = [each.cpu_us for each in runs]
        of_base = ratio(outcomes, name, base)
        report.row(
            name,
            f"{median(cpu):.1f}",
            f"{spread(cpu):.0f}",
            "-" if of_base is None else f"{of_base:.2f}",
            f"{median([each.rate for each in runs]):.0f}",
            f"{median([each.p50 for each in runs]):.2f}",
            f"{median([each.p99 for each in runs]):.2f}",
        )

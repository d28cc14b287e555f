"""What a process has used, by the kernel's own account of it."""

import re
from pathlib import Path


def cpu_ns(pid):
    """CPU time of all living threads, in nanoseconds. Threads that come and go between two readings
    are missed; the programs measured here keep theirs."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def memory(pid):
    """Resident memory now and at its highest, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = dict(re.findall(r"^(Vm\w+):\s+(\d+) kB", status, re.M))
    return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024


def forget_highest(pid):
    """Starts the highest size anew (proc_pid_clear_refs(5)); false where that is not allowed."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


class Spent:
    """CPU time between entering and leaving."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.before = cpu_ns(self.pid)
        return self

    def __exit__(self, *_):
        self.ns = cpu_ns(self.pid) - self.before

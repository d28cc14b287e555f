"""Starts programs, and ends every one of them, whatever happens."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The comparison can't be made; the text says why."""


def cpus():
    """The CPU of the proxy, and that of all else; the same one if there is no second."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1]}


PROXY_CPU, OTHER_CPU = cpus()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def program(name, *others):
    """The path of a program; Debian keeps servers where users have no PATH to."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"
    for each in (name, *others):
        if found := shutil.which(each, path=path):
            return found
    return None


class Stage:
    """A folder and the programs that run in it. Leaving it kills them by their ids."""

    def __init__(self, keep):
        self.keep = keep
        self.running = []

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="compare-"))
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            self.end(process)
        if self.keep:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, name, argv, cpu, with_parent=True):
        """Starts a program on these CPUs, its output in NAME.out. It dies with this process, which
        costs a moment at its start: who measures that says `with_parent=False`."""
        with open(self.folder / f"{name}.out", "ab") as output:
            before = os.sched_getaffinity(0)
            os.sched_setaffinity(0, cpu)  # inherited
            try:
                process = subprocess.Popen(
                    [str(each) for each in argv],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    close_fds=True,
                    preexec_fn=die_with_parent if with_parent else None,
                )
            finally:
                os.sched_setaffinity(0, before)
        process.stage_name = name
        self.running.append(process)
        return process

    def end(self, process):
        if process in self.running:
            self.running.remove(process)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def wait_for_port(self, process, port, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            with socket.socket() as one:
                one.settimeout(1)
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        said = (self.folder / f"{process.stage_name}.out").read_text(errors="replace")
        raise Failure(f"{process.stage_name} does not listen:\n{said[-2000:]}")


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(argv, seconds, environment=None, cpu=None):
    """Runs a program to its end, which comes within so many seconds, and gives its standard output."""

    def prepare():
        die_with_parent()
        if cpu:
            os.sched_setaffinity(0, cpu)

    argv = [str(each) for each in argv]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
            env=environment, preexec_fn=prepare,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{argv[0]} took more than {seconds} s") from error
    if done.returncode != 0:
        words = (done.stderr + done.stdout)[-1500:]
        raise Failure(f"{argv[0]} ended with {done.returncode}:\n{words}")
    return done.stdout

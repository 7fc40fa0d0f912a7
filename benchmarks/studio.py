"""The studio under load: `python benchmarks/studio.py` prints a Markdown table.

Three questions, on this machine, over its own loopback. How long does it take until an order is accepted, with nothing else to
do, and with a hundred listeners, twenty orders a second and a worker that paints? How much of the bare painting does a worker
reach in batches? How much more memory do both processes hold after two thousand wishes than after the first hundred?
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from danqing.paint import load
from danqing.store.database import Database
from danqing.store.queue import Order, Queue
from danqing.store.tables import LOCAL
from danqing.store.users import Users
from danqing.words import Wish
from danqing.worker import AT_ONCE, Worker

LISTENERS, RATE = 100, 20


class Served:
    """A studio's processes."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "danqing.cli", "serve", "--port", "0", "--threads", "1"]
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "DANQING_HOME": str(home)}
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.start = time.perf_counter() - begun
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    @property
    def worker(self) -> int | None:
        """Its worker's process."""
        found = [child for of in Path(f"/proc/{self.process.pid}/task").glob("*/children") for child in of.read_text().split()]
        return int(found[0]) if found else None

    def ask(self, path: str) -> Any:
        """Of the API."""
        with urllib.request.urlopen(self.address + path) as answer:
            return json.loads(answer.read())

    def left(self) -> int:
        """Paintings not yet painted."""
        found = self.ask("api/jobs?unfinished=true&most=200")["jobs"]
        return sum(job["waiting"] + job["running"] for job in found)


@contextmanager
def served(nice: int = 0) -> Iterator[Served]:
    """A studio in a folder of its own, its worker niced."""
    with tempfile.TemporaryDirectory() as home:
        found = Served(Path(home))
        while nice and found.worker is None:
            time.sleep(0.05)
        if nice and found.worker is not None:
            os.setpriority(os.PRIO_PROCESS, found.worker, nice)
        try:
            yield found
        finally:
            found.process.terminate()
            found.process.wait()


def order(connection: http.client.HTTPConnection, number: int, **wish: Any) -> float:
    """Order a painting; gives the seconds until it was accepted."""
    body = json.dumps({"words": "a red apple", "seed": number, "size": [32, 32], **wish})
    begun = time.perf_counter()
    connection.request("POST", "/api/jobs", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 202, content
    return time.perf_counter() - begun


def orders(port: int, seconds: float, **wish: Any) -> list[float]:
    """Twenty a second from four clients, evenly; gives how long each took."""
    took: list[float] = []

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        begun = time.perf_counter()
        for number in range(first, int(seconds * RATE), 4):
            time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
            took.append(order(connection, number, **wish))

    threads = [threading.Thread(target=client, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


LISTENING = """
import asyncio, sys
port, count, heard = int(sys.argv[1]), int(sys.argv[2]), {}

async def listen(which):
    heard[which] = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/events HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
    while True:
        heard[which] += (await reader.read(1 << 16)).count(b"event: job")

async def main():
    tasks = [asyncio.create_task(listen(which)) for which in range(count)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(min(heard.values()), max(heard.values()))
    for task in tasks:
        task.cancel()

asyncio.run(main())
"""
"""Listeners, in a process of their own, so that whoever measures does not wait for them."""


def p99(took: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.quantiles(took, n=100)[-1]


def accepting(seconds: float) -> list[str]:
    """How long accepting takes, idle and under load."""
    with served() as studio:
        start = studio.start
        order(http.client.HTTPConnection("127.0.0.1", studio.port), 10**6, steps=1)
        while studio.left():
            time.sleep(0.2)
        one = http.client.HTTPConnection("127.0.0.1", studio.port)
        idle = []
        for number in range(200):
            time.sleep(0.05)
            idle.append(order(one, number, steps=1))
            while number % 10 == 9 and studio.left():
                time.sleep(0.05)
    with served(nice=10) as studio:
        command = [sys.executable, "-c", LISTENING, str(studio.port), str(LISTENERS)]
        listeners = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(2)
        busy = orders(studio.port, seconds, steps=4)
        heard = listeners.communicate("\n")[0].split()
    return [
        f"| first answer after start | {start:.2f} s |",
        f"| accepting, idle: median, p99 | {1000 * statistics.median(idle):.1f} ms, {p99(idle):.1f} ms |",
        f"| accepting, {LISTENERS} listeners, {RATE} a second for {seconds:.0f} s, worker painting: median, p99 | "
        f"{1000 * statistics.median(busy):.1f} ms, {p99(busy):.1f} ms |",
        f"| p99 against idle | {p99(busy) / p99(idle):.2f} × |",
        f"| accepted; news of jobs heard by the listener that heard fewest, most | {len(busy)}; {', '.join(heard)} |",
    ]


def batching(rounds: int) -> list[str]:
    """CPU seconds of a worker's batch against the bare steps of the same paintings, in turns."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        database = Database(folder)
        queue, here = Queue(database), Path.cwd()
        Users(database).local()
        os.chdir(folder)
        worker = Worker("w", database, "cpu", threading.Event(), threading.Event())
        session = load("emoji", "cpu")
        bare, whole = [], []
        for number in range(rounds + 1):
            wishes = [session.resolve(Wish("a red apple", seed=i)) for i in range(AT_ONCE)]
            begun = time.process_time()
            session.begin(wishes).last().show()
            middle = time.process_time()
            queue.accept(LOCAL, Order("emoji", {"words": "a red apple"}, 0, AT_ONCE, str(number)))
            ordered = time.process_time()
            worker.turn()
            if number:  # the first round opens the painter
                bare.append(middle - begun)
                whole.append(time.process_time() - ordered)
        os.chdir(here)
        database.close()
    ratios = sorted(b / w for b, w in zip(bare, whole, strict=True))
    return [
        f"| a batch of {AT_ONCE} at 256 × 256: bare steps, worker (CPU seconds, median) | "
        f"{statistics.median(bare):.2f}, {statistics.median(whole):.2f} |",
        f"| speed of the worker against the bare steps: median (all rounds) | "
        f"{statistics.median(ratios):.3f} × ({ratios[0]:.3f} to {ratios[-1]:.3f}) |",
    ]


def memory(wishes: int) -> list[str]:
    """What both processes hold after the first hundred wishes, and after all."""

    def held(pid: int | None) -> float:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    with served() as studio:
        connection = http.client.HTTPConnection("127.0.0.1", studio.port)
        seen = []
        for number in range(wishes):
            order(connection, number, steps=1)
            if number % 100 == 99:
                while studio.left():
                    time.sleep(0.2)
                seen.append((held(studio.process.pid), held(studio.worker)))
    return [
        f"| web process after 100, {wishes // 2}, {wishes} wishes | "
        f"{seen[0][0]:.0f}, {seen[len(seen) // 2 - 1][0]:.0f}, {seen[-1][0]:.0f} MB |",
        f"| worker after 100, {wishes // 2}, {wishes} wishes | "
        f"{seen[0][1]:.0f}, {seen[len(seen) // 2 - 1][1]:.0f}, {seen[-1][1]:.0f} MB |",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wishes", type=int, default=2000)
    given = parser.parse_args()
    print("| what | measured |\n|---|---|")
    for rows in (batching(given.rounds), accepting(given.seconds), memory(given.wishes)):
        print("\n".join(rows), flush=True)


if __name__ == "__main__":
    main()

"""The queue: whatever happens in whatever order, nothing accepted is lost and nothing is delivered twice."""

import contextlib
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select, update
from studios import deliver

from danqing.errors import BusyError, ConflictError, MissingError
from danqing.store import queue as queue_module
from danqing.store.database import Database
from danqing.store.events import newest, since
from danqing.store.queue import Claimed, Finished, Order, Queue
from danqing.store.states import ATTEMPTS, UNFINISHED, progress_of
from danqing.store.tables import Job, Kept, Task, User

PAINTED = Finished("a red apple", 7, 64, 64, {"words": "a red apple"}, {}, "0" * 64, [(0.5, 0.1, 0.1, 1.0)])


def opened(folder: Path, users: int = 2) -> Queue:
    """A queue with users "a", "b", ..."""
    database = Database(folder)
    with database.write() as session:
        for name in "abcdefgh"[:users]:
            if session.get(User, name) is None:
                session.add(User(id=name, name=name, password="", role="maker", active=True, created=0.0))
    return Queue(database)


def order(shared: str = "s", count: int = 1, seed: int = 7, **others: object) -> Order:
    return Order("emoji", {"words": "a red apple"}, seed, count, shared, **others)  # type: ignore[arg-type]


def job_of(queue: Queue, job_id: str) -> Job:
    with queue.database.read() as session:
        return session.get_one(Job, job_id)


def test_what_is_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    job, fresh = opened(tmp_path).accept("a", order(count=3))
    assert fresh
    again = opened(tmp_path)
    assert job_of(again, job.id).wish == {"words": "a red apple"}
    assert [task.seed for task in again.claim("w", 9)] == [7, 8, 9]


def test_an_order_with_a_key_is_accepted_once(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    first, fresh = queue.accept("a", order(key="k"))
    assert fresh
    assert queue.accept("a", order(key="k"))[0].id == first.id
    assert queue.accept("b", order(key="k"))[1], "another user's keys are their own"
    with pytest.raises(ConflictError, match="another order"):
        queue.accept("a", order(key="k", seed=8))


def test_orders_with_one_key_at_the_same_time_are_one_job(tmp_path: Path) -> None:
    queue, found = opened(tmp_path), []

    def send() -> None:
        found.append(queue.accept("a", order(key="k"))[0].id)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_too_many_that_wait_are_refused_and_nothing_of_them_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "WAITING", 4)
    queue = opened(tmp_path)
    queue.accept("a", order(count=3))
    with pytest.raises(BusyError, match="3 paintings of yours wait"):
        queue.accept("a", order(count=2))
    queue.accept("b", order(count=4))
    assert len(queue.claim("w", 9)) == 3


def test_turns_go_round_among_users_and_by_priority_and_place_within_one(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    jobs = {name: queue.accept(user, order(shared=name))[0].id for name, user in zip("uvwx", "aaab", strict=True)}
    queue.prioritise(jobs["w"], 5)
    queue.move(jobs["v"], jobs["u"])
    names = {job: name for name, job in jobs.items()}
    turns = [names[queue.claim(f"worker{i}")[0].job_id] for i in range(4)]
    assert turns == ["w", "x", "v", "u"]


def test_a_job_moved_behind_all_comes_last(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    jobs = [queue.accept("a", order())[0].id for _ in range(3)]
    queue.move(jobs[0], None)
    assert [queue.claim("w")[0].job_id for _ in range(3)] == [jobs[1], jobs[2], jobs[0]]


def test_a_job_goes_before_none_that_has_ended_or_is_anothers(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    jobs = [queue.accept(user, order())[0].id for user in "aaab"]
    queue.cancel(jobs[2])
    for other in jobs[2:]:
        with pytest.raises(ConflictError, match="one of the same user that waits or runs"):
            queue.move(jobs[0], other)
    assert [queue.claim("w")[0].job_id for _ in range(3)] == [jobs[0], jobs[3], jobs[1]]


def test_only_what_is_alike_is_painted_in_one_batch(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    for user, shared in (("a", "s"), ("b", "other"), ("b", "s"), ("a", "s")):
        queue.accept(user, order(shared=shared, count=2))
    head = queue.claim("w", 16)
    alike = queue.claim_alike("w", head[0], 16)
    assert len(head) == 2
    assert [task.shared for task in head + alike] == ["s"] * 6
    assert len(queue.claim("w", 16)) == 2


def test_a_lease_that_ran_out_is_another_workers_and_the_first_delivers_nothing(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.accept("a", order())
    [first] = queue.claim("slow", lease=-1.0)
    [second] = queue.claim("quick")
    assert first.id == second.id
    assert deliver(queue, "slow", first.id, PAINTED) is None
    assert deliver(queue, "quick", first.id, PAINTED) is not None
    assert deliver(queue, "quick", first.id, PAINTED) is None
    with queue.database.read() as session:
        assert len(session.scalars(select(Kept)).all()) == 1


def test_a_beat_keeps_a_lease(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.accept("a", order())
    queue.claim("w", lease=0.3)
    queue.beat("w", lease=60.0)
    time.sleep(0.35)
    assert queue.claim("other") == []


def test_what_kills_its_workers_is_painted_alone_and_then_given_up(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    job, _ = queue.accept("a", order(count=2))
    sizes = []
    while claimed := queue.claim("w", 16):
        sizes.append(len(claimed))
        queue.release("w")
    assert sizes[:2] == [2, 2], "at first it takes others along"
    assert set(sizes[2:]) == {1}, "then it is alone"
    assert len(sizes) == 2 + 2 * (ATTEMPTS - 2)
    found = job_of(queue, job.id)
    assert found.state == "failed"
    assert "died 10 times" in (found.reason or "")


def test_what_kills_its_workers_from_a_canvas_takes_no_others_along_either(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    jobs = [queue.accept(user, order())[0].id for user in "ab"]
    head = queue.claim("w")
    both = head + queue.claim_alike("w", head[0], 9)
    queue.saved("w", {task.id: row for row, task in enumerate(both)}, "canvas")
    queue.release("w")
    sizes = []
    while claimed := queue.claim("w", 16):
        sizes.append(len(claimed))
        if len(claimed) == 1 and claimed[0].job_id == jobs[1]:
            assert claimed[0].canvas is None
            deliver(queue, "w", claimed[0].id, PAINTED)
        else:
            queue.release("w")
    assert sizes[:2] == [2, 2]
    assert set(sizes[2:]) == {1}
    assert job_of(queue, jobs[0]).state == "failed"
    assert job_of(queue, jobs[1]).state == "done"


def test_giving_back_what_was_not_begun_is_no_attempt(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    queue.accept("a", order(count=3))
    for _ in range(2 * ATTEMPTS):
        assert len(queue.claim("w", 16)) == 3
        queue.release("w", begun=False)


def test_jobs_are_moved_as_often_as_one_likes(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    first, second, *others = [queue.accept("a", order())[0].id for _ in range(5)]
    for turn in range(60):
        queue.move(others[turn % 3], second)
    queue.move(first, None)
    last = queue.accept("a", order())[0].id
    line = [queue.claim("w")[0].job_id for _ in range(6)]
    assert line == [others[0], others[1], others[2], second, first, last]


def test_trying_again_waits_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = opened(tmp_path)
    job = queue.accept("a", order(count=3))[0].id
    queue.cancel(job)
    queue.accept("a", order(count=3))
    monkeypatch.setattr(queue_module, "WAITING", 4)
    with pytest.raises(BusyError):
        queue.retry(job)


def test_pause_cancel_and_retry(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    job, _ = queue.accept("a", order(count=3))
    tasks = queue.claim("w", 1)
    queue.pause(job.id)
    assert queue.claim("w") == []
    assert queue.held("w", [tasks[0].id]) == {tasks[0].id: "paused"}
    queue.saved("w", {tasks[0].id: 4}, "canvas")
    queue.release("w")
    queue.resume(job.id)
    [again] = queue.claim("w", 3)
    assert (again.canvas, again.row) == ("canvas", 4), "it goes on where it was saved, not together with what is not on it"
    deliver(queue, "w", again.id, PAINTED)
    queue.cancel(job.id)
    assert job_of(queue, job.id).state == "cancelled"
    with pytest.raises(ConflictError, match="ended already"):
        queue.pause(job.id)
    queue.retry(job.id)
    for task in queue.claim("w", 3):
        deliver(queue, "w", task.id, PAINTED)
    assert job_of(queue, job.id).state == "done"
    with pytest.raises(ConflictError, match="nothing of this job"):
        queue.retry(job.id)


def test_who_fails_says_why(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    job, _ = queue.accept("a", order(count=2))
    tasks = queue.claim("w", 2)
    queue.fail("w", [tasks[0].id], "WishError", "the sentence")
    deliver(queue, "w", tasks[1].id, PAINTED)
    found = job_of(queue, job.id)
    assert (found.state, found.error, found.reason) == ("failed", "WishError", "the sentence")


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    for act in (queue.pause, queue.resume, queue.cancel, queue.retry):
        with pytest.raises(MissingError, match="no job"):
            act("j0")


def test_events_tell_every_user_their_own_in_order(tmp_path: Path) -> None:
    queue = opened(tmp_path)
    job, _ = queue.accept("a", order())
    with queue.database.read() as session:
        before = newest(session)
    queue.accept("b", order())
    [task] = queue.claim("w")
    queue.progress("w", [task.id], 3, 24)
    deliver(queue, "w", task.id, PAINTED)
    with queue.database.read() as session:
        mine = since(session, before, "a")
    assert [event.kind for event in mine] == ["job", "step", "painting", "job"]
    assert all(event.facts["job"] == job.id for event in mine)
    assert mine[-1].facts["state"] == "done"


class Life(RuleBasedStateMachine):
    """Two users and two workers do whatever they can, in any order; workers die, leases run out."""

    folder: Path

    @initialize()
    def open(self) -> None:
        self.queue = opened(self.folder / str(time.monotonic_ns()))
        self.jobs: list[str] = []
        self.held: dict[str, list[Claimed]] = {"w1": [], "w2": []}
        self.delivered: dict[str, str] = {}

    @rule(user=st.sampled_from("ab"), shared=st.sampled_from("st"), count=st.integers(1, 3))
    def accept(self, user: str, shared: str, count: int) -> None:
        self.jobs.append(self.queue.accept(user, order(shared=shared, count=count))[0].id)

    @rule(worker=st.sampled_from(["w1", "w2"]), most=st.integers(1, 4))
    def claim(self, worker: str, most: int) -> None:
        found = self.queue.claim(worker, most)
        self.held[worker] += found + (self.queue.claim_alike(worker, found[0], most) if found else [])

    @rule(worker=st.sampled_from(["w1", "w2"]), fails=st.booleans())
    def end(self, worker: str, fails: bool) -> None:
        if self.held[worker]:
            task = self.held[worker].pop()
            if fails:
                self.queue.fail(worker, [task.id], "WishError", "no")
            elif kept := deliver(self.queue, worker, task.id, PAINTED):
                assert task.id not in self.delivered, "delivered twice"
                self.delivered[task.id] = kept

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def save(self, worker: str) -> None:
        rows = {task.id: row for row, task in enumerate(self.held[worker])}
        self.queue.saved(worker, rows, f"canvas-{time.monotonic_ns()}")

    @rule(worker=st.sampled_from(["w1", "w2"]), forgets=st.booleans())
    def die(self, worker: str, forgets: bool) -> None:
        self.queue.release(worker)
        if forgets:
            self.held[worker] = []

    @rule()
    def expire(self) -> None:
        with self.queue.database.write() as session:
            session.execute(update(Task).where(Task.state == "running").values(lease=0.0))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), act=st.sampled_from(["pause", "resume", "cancel", "retry"]))
    def act(self, data: st.DataObject, act: str) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        with contextlib.suppress(ConflictError):
            getattr(self.queue, act)(job)

    @invariant()
    def jobs_say_what_their_tasks_say(self) -> None:
        with self.queue.database.read() as session:
            found = {job.id: job for job in session.scalars(select(Job))}
            progress = progress_of(session, list(found))
            kept = list(session.scalars(select(Kept.task_id)))
            done = set(session.scalars(select(Task.id).where(Task.state == "done")))
        assert set(found) == set(self.jobs), "a job is lost"
        assert len(kept) == len(set(kept))
        assert set(kept) == done == set(self.delivered), "a painting is lost, or one is there that nobody delivered"
        for job_id, job in found.items():
            told = progress[job_id]
            assert told.waiting + told.running + told.done + told.failed + told.cancelled == job.count
            assert (job.state in UNFINISHED) == bool(told.waiting + told.running), (job.state, told)

    def teardown(self) -> None:
        """Whatever happened: let everything go on, and one worker ends it all."""
        if not hasattr(self, "queue"):
            return
        self.queue.release_all()
        for job in self.jobs:
            if job_of(self.queue, job).state in UNFINISHED:
                self.queue.resume(job)
        for _ in range(200):
            found = self.queue.claim("last", 4)
            if not found:
                break
            for task in found:
                deliver(self.queue, "last", task.id, PAINTED)
        assert all(job_of(self.queue, job).state not in UNFINISHED for job in self.jobs), "something never ends"
        self.queue.database.close()


def test_whatever_happens_nothing_is_lost_or_delivered_twice(tmp_path: Path) -> None:
    Life.folder = tmp_path
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    test = Life.TestCase
    test.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=checks)
    test("runTest").runTest()

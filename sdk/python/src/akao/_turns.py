"""How work and reading share the threads:

| the host allows | who works | who reads |
|---|---|---|
| one call at a time | the thread that reads | nobody, until the call is found to be a long one |
| the same, and the call has run for 20 ms | the same thread | the other one, which keeps the reading |
| several calls at a time, and they are short | the thread that reads | nobody, as above; the other looks every 5 ms |
| the same, and they are not short | a thread for each | one of the two |

A short call is thus never handed from thread to thread, which would cost more than the call. There are two threads that
take turns: while one reads and works, the other looks whether the same call still runs.

Several calls are taken for short until four of them were not, or one is found to be a long one. They are taken for short
again after 64 that were. What is short takes less time than handing it over.
"""

from _queue import SimpleQueue
from _thread import allocate_lock, get_ident, start_new_thread
from time import perf_counter, sleep

TICK_S = 0.02
# Where several calls may run, a long one keeps the others waiting until it is found.
TICK_SEVERAL_S = 0.005
TICKS_IDLE_MAX = 50
# Answers are held for each other no longer than this.
HOLD_S_MAX = 0.001
SHORT_S = 0.0002
# So many calls that were not short, those that were taken off, part work and reading.
SLOW_MAX = 4
# So many calls that were short, each other one counted against eight, bring them together again.
SHORT_MIN = 64
SLOW_WEIGHS = 8


class Turns:
    """Reads and works; what messages mean and what work is, the session adds: `_next`, `_handle` and `_run`."""

    def __init__(self, wire):
        self._wire = wire
        self._concurrency = 1
        self._work = SimpleQueue()
        self._lock = allocate_lock()
        # The exit code, once the conversation has ended.
        self._exit = None
        # Who reads and who works; see the header. The turn rises when the reading changes hands.
        self._is_separate = False
        self._has_workers = False
        # Calls that run where several may, on whatever thread, and those that came while as many ran as may.
        self._at_work = 0
        self._excess = []
        self._slow = 0
        self._short = 0
        self._turn = 0
        self._busy_turn = None
        self._busy_thread = None
        # Held while somebody looks whether what it waits for is there.
        self.waiting = allocate_lock()
        self._is_busy = False
        self._is_waiting_inside = False
        self._serial = 0
        self._watch = None
        self._is_watching = False
        self._held_since = None

    def serve(self):
        """Answers until the host closes or says so; gives the exit code."""
        self._take_turns(True)
        # Another thread may be in the middle of an answer, and ends with the process.
        self._wire.drain()
        return self._exit or 0

    def _take_turns(self, is_reader):
        while self._exit is None:
            if is_reader:
                self._read_and_work()
                is_reader = False
            else:
                is_reader = self._watch_the_other()

    def _read_and_work(self):
        """Reads as long as the turn is this thread's."""
        wire = self._wire
        turn = self._turn
        while self._exit is None and self._turn == turn:
            if not wire.has_line():
                wire.flush()
                self._held_since = None
            message = self._next()
            if message is not None:
                job = self._handle(message)
                if job is not None:
                    self._work_inline(job, turn)

    def _takes(self, job):
        """Whether the thread that reads works on this call; else the call waits for another one. The lock is held."""
        if self._concurrency > 1:
            is_free = not self._is_busy and self._at_work < self._concurrency
            if not is_free:
                self._separate()
            elif self._is_separate and self._short >= SHORT_MIN:
                self._is_separate = False
                self._slow = 0
        if self._is_separate or self._is_busy:
            self._work.put(job)
            return False
        self._is_busy = True
        self._at_work += 1
        self._serial += 1
        return True

    def _separate(self):
        """Gives each call a thread of its own from now on, until they are short. The lock is held."""
        if not self._is_separate:
            self._is_separate = True
            self._short = 0
        if not self._has_workers:
            self._has_workers = True
            for _ in range(self._concurrency):
                start_new_thread(self._work_until_end, ())

    def _work_inline(self, job, turn):
        """Works on the reader's thread, then on what came while another one read."""
        self._busy_turn = turn
        self._busy_thread = get_ident()
        while job is not None:
            started = perf_counter()
            if not self._is_watching:
                self._begin_to_watch()
            self._run(job)
            now = perf_counter()
            if self._turn != turn:
                self._wire.flush()
            else:
                if self._held_since is None:
                    self._held_since = started
                if now - self._held_since > HOLD_S_MAX:
                    self._wire.flush()
                    self._held_since = None
            with self._lock:
                if self._concurrency > 1:
                    self._is_busy = False
                    self._leave()
                    self._measure(now - started)
                    return
                if self._work.empty():
                    self._is_busy = False
                    return
                self._serial += 1
            job = self._work.get()

    def _leave(self):
        """A call has ended, and the next may begin. The lock is held."""
        self._at_work -= 1
        if self._excess:
            self._work.put(self._excess.pop(0))

    def _measure(self, took):
        """Learns from a call on the reader's thread. The lock is held."""
        if took < SHORT_S:
            if self._slow:
                self._slow -= 1
        else:
            self._slow += 1
            if self._slow >= SLOW_MAX:
                self._separate()

    def _begin_to_watch(self):
        self._is_watching = True
        if self._watch is None:
            self._watch = allocate_lock()
            self._watch.acquire()
            start_new_thread(self._take_turns, (False,))
        else:
            self._wake_watcher()

    def _wake_watcher(self):
        try:
            self._watch.release()
        except RuntimeError:
            pass  # It is awake.

    def _watch_the_other(self):
        """Looks at the other thread; answers that the reading is now this thread's, because one call takes long."""
        idle = 0
        tick_s = TICK_S if self._concurrency == 1 else TICK_SEVERAL_S
        while self._exit is None:
            seen = self._serial
            sleep(tick_s)
            with self._lock:
                is_long = self._is_busy and self._serial == seen and not self._is_waiting_inside
                if is_long and self._turn == self._busy_turn:
                    self._turn += 1
                    if self._concurrency > 1:
                        self._separate()
                    return True
                idle = 0 if self._is_busy or self._serial != seen else idle + 1
                if idle > TICKS_IDLE_MAX:
                    idle = 0
                    self._is_watching = False
            if not self._is_watching:
                self._watch.acquire()
        return False

    def _work_until_end(self):
        """Works on a thread that does nothing else."""
        while True:
            job = self._work.get()
            if job is None:
                return
            with self._lock:
                if self._at_work >= self._concurrency:
                    self._excess.append(job)
                    continue
                self._at_work += 1
            started = perf_counter()
            self._run(job)
            self._wire.flush()
            is_short = perf_counter() - started < SHORT_S
            with self._lock:
                self._leave()
                self._short = self._short + 1 if is_short else max(0, self._short - SLOW_WEIGHS)

    def wait(self, context, is_done):
        """Waits until the host said something that makes `is_done` true; one thread at a time asks that.

        Where the conversation ends before, the call is cancelled.
        """
        with self._lock:
            # A thread that the work started is no reader, even while the work's own one is.
            inside = self._turn == self._busy_turn and get_ident() == self._busy_thread
            if inside:
                self._is_waiting_inside = True
        while True:
            with self.waiting:
                if is_done():
                    break
                bell = None if inside else context._bell_made()
            if not inside:
                bell.acquire()
            elif self._exit is not None:
                context._cancel()
            else:
                # This thread is the reader too.
                message = self._next()
                if message is not None:
                    self._handle(message)
                self._wire.flush()
        if inside:
            self._is_waiting_inside = False

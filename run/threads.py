"""How many threads pay: on a machine that others keep busy, one may be faster than one for each core."""
import contextlib
import ctypes
import os
import sys
import time

STEPS = 8                # timed before a number of threads is judged; the first two, while caches fill, do not count
ROUNDS = 200             # of so many steps, after which the other number of threads is tried again
FEW = 4                  # rounds after a change to one thread; four times as many each time that one wins again


def set_in_openmp(number):
    """Tells OpenMP, as GCC has it, how many threads its next loops take."""
    ctypes.CDLL('libgomp.so.1').omp_set_num_threads(number)


class Threads:
    """Runs steps with as many threads as OMP_NUM_THREADS says, or with one while that is faster.

    The results are the same. Threads that wait for each other lose much time where another process takes a core from
    one of them. The other number is tried at the start, when steps take 1.3 times as long as before, and now and then:
    soon after a change to one thread, which a moment's disturbance may have caused.
    """

    def __init__(self):
        self.most = int(os.environ.get('OMP_NUM_THREADS') or 1)
        self.number, self.times, self.usual, self.before, self.rounds = self.most, [], None, None, 0
        self.wait = FEW // 4                             # rounds until the other number is tried
        self.is_fixed = self.most == 1 or not sys.platform.startswith('linux')

    def __enter__(self):
        if hasattr(os, 'getloadavg') and os.getloadavg()[0] > (os.cpu_count() or 1):
            print('# busy machine: %.1f processes want its %d cores, and training takes longer' % (
                os.getloadavg()[0], os.cpu_count()), file=sys.stderr, flush=True)
        if not self.is_fixed:
            self.use(1)                                  # first: many on a busy machine take ten times as long
        return self

    def __exit__(self, *_):
        self.use(self.most)

    def use(self, number):
        if number != self.number:
            try:
                set_in_openmp(number)
                self.number = number
            except (OSError, AttributeError):            # another OpenMP than GCC's
                self.is_fixed = True

    @contextlib.contextmanager
    def settled(self):
        """With the number that is the faster one, as far as is known: for what is not timed, such as an evaluation."""
        number, other = self.number, 1 if self.number == self.most else self.most
        self.use(self.most if self.usual is None else number if self.before is None else other)
        try:
            yield
        finally:
            self.use(number)

    def run(self, step, *arguments):
        start = time.perf_counter()
        result = step(*arguments)
        if not self.is_fixed:
            self.times.append(time.perf_counter() - start)
            if len(self.times) == STEPS:
                self.judge(sorted(self.times[2:])[(STEPS - 2) // 2])
            elif self.before is not None and sum(self.times) > 2 * STEPS * self.before:
                self.judge(sum(self.times))                  # lost, whatever would come
        return result

    def judge(self, seconds):
        """Of a step, as the last ones took: keeps the number of threads, goes back to the other, or tries that."""
        other, self.times = 1 if self.number == self.most else self.most, []
        if self.before is not None:                      # this one was on trial
            lost = self.before < seconds
            if lost:
                self.use(other)
            self.wait = ROUNDS if self.number == self.most else min(4 * self.wait, ROUNDS) if lost else FEW
            self.usual, self.before, self.rounds = min(self.before, seconds), None, 0
        elif self.usual is None or seconds > 1.3 * self.usual or self.rounds == self.wait:
            self.before = seconds
            self.use(other)
        else:
            self.usual, self.rounds = min(self.usual, seconds), self.rounds + 1

"""The number of threads that steps are run with: on a clock of the test's own, and in a real OpenMP."""
import ctypes
import sys

import pytest

from run import threads
from run.threads import FEW, ROUNDS, STEPS, Threads


class Machine:
    """Steps take seconds_of(number of threads, steps done), on a clock that only they move."""

    def __init__(self, monkeypatch, seconds_of):
        self.now, self.number, self.used, self.seconds_of = 0., 2, [], seconds_of
        monkeypatch.setenv('OMP_NUM_THREADS', '2')
        monkeypatch.setattr(sys, 'platform', 'linux')
        monkeypatch.setattr(threads, 'set_in_openmp', lambda number: setattr(self, 'number', number))
        monkeypatch.setattr(threads.time, 'perf_counter', lambda: self.now)

    def step(self, n):
        self.now += self.seconds_of(self.number, n)
        self.used.append(self.number)
        return n

    def run(self, steps):
        with Threads() as chosen:
            assert [chosen.run(self.step, n) for n in range(steps)] == list(range(steps))
        assert self.number == 2                              # as it was
        return self.used


def test_a_quiet_machine_uses_all_threads_but_for_a_trial_now_and_then(monkeypatch):
    used = Machine(monkeypatch, lambda number, n: 1.8 / number).run(20000)
    assert 0 < used.count(1) / 20000 < 0.006 and used[:2 * STEPS] == [1] * STEPS + [2] * STEPS


def test_a_machine_that_gets_busy_uses_one_until_it_is_quiet_again(monkeypatch):
    busy = range(1000, 5000)
    used = Machine(monkeypatch, lambda number, n: 1.8 if number == 1 else 9. if n in busy else 1.).run(8000)
    assert set(used[1000 + 4 * STEPS:4990]) == {1, 2} and used[1000 + 4 * STEPS:4990].count(2) <= 3 * STEPS
    seconds = {1: 1.8, 2: 9.}
    assert sum(seconds[number] for number in used[1000:5000]) <= 1.1 * 1.8 * 4000      # than with one thread alone
    assert used[5000 + (ROUNDS + 3) * STEPS:].count(1) <= STEPS


@pytest.mark.parametrize('first', [STEPS, STEPS * (ROUNDS + 2)])
def test_a_disturbance_of_a_moment_costs_no_more_than_some_steps(monkeypatch, first):
    disturbed = range(first, first + STEPS)
    used = Machine(monkeypatch, lambda number, n: 9. if n in disturbed else 1.8 / number).run(first + 12 * STEPS)
    assert 1 in used[first:] and used[first:].count(1) <= (FEW + 3) * STEPS and set(used[-STEPS:]) == {2}


@pytest.mark.parametrize('seconds, expected', [({1: 1.8, 2: 1.}, 2), ({1: 1.8, 2: 9.}, 1)])
def test_an_evaluation_has_all_threads_unless_one_is_faster(monkeypatch, seconds, expected):
    machine, seen = Machine(monkeypatch, lambda number, n: seconds[number]), []
    with Threads() as chosen:
        for n in range(3 * ROUNDS * STEPS):
            with chosen.settled():
                seen.append(machine.number)
            chosen.run(machine.step, n)
    assert set(seen[:STEPS]) == {2} and set(seen[3 * STEPS:]) == {expected}
    assert len(set(machine.used[3 * STEPS:])) == 2               # the other number has been on trial meanwhile


def test_openmp_is_told(monkeypatch):
    openmp = pytest.importorskip('ctypes').CDLL('libgomp.so.1') if sys.platform.startswith('linux') else pytest.skip()
    before, seen = openmp.omp_get_max_threads(), []
    monkeypatch.setenv('OMP_NUM_THREADS', '2')
    with Threads() as chosen:
        chosen.use(1)
        seen.append(openmp.omp_get_max_threads())
    seen.append(openmp.omp_get_max_threads())
    openmp.omp_set_num_threads(ctypes.c_int(before))
    assert seen == [1, 2]


@pytest.mark.parametrize('load, line', [
    (2.04, '# busy machine: 2.0 processes want its 2 cores, and training takes longer\n'), (2., '')])
def test_a_busy_machine_is_a_line_on_stderr(monkeypatch, capsys, load, line):
    monkeypatch.setattr(threads.os, 'cpu_count', lambda: 2)
    monkeypatch.setattr(threads.os, 'getloadavg', lambda: (load, 0., 0.), raising=False)
    with Threads():
        assert capsys.readouterr() == ('', line)

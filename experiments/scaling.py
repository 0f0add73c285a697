"""How trials per hour grow with the workers, and what the driver itself costs a trial.

    python experiments/scaling.py                            a few minutes; prints a table in Markdown

Real trials, short ones, on 1 worker and on as many as there are cores; then trials that only wait, on far more
workers than there are cores: what is missing from the ideal there is the driver's and the scheduler's own time.
"""
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import trials  # noqa: E402
from machine import cores, machine  # noqa: E402

REAL = 'nepoch=2'                  # settings of a real trial
WAIT = 5.                          # seconds that a trial of the others takes
LOG = '# data: MNIST\n' + 'x' * 1000 + '\n50 0.1 0.2 0.3 0.4\n'


def waiting_trial(root, name, arguments, seed, threads):
    time.sleep(WAIT)
    return LOG, None


def measure(task, workers, number, threads_per_worker=1):
    """(trials per hour, CPU seconds of the driver's process a trial)."""
    with tempfile.TemporaryDirectory() as folder:
        trials.results, trials.workers, trials.threads = folder, workers, 1
        missing = [('conv16-ds2', seed) for seed in range(number)]
        with trials.connected(threads_per_worker) as client:
            if task is trials.run_trial:                     # compiles
                trials.run_all(client, missing[:2 * workers], {'conv16-ds2': {}}, trials.Progress(0, 2 * workers), task)
            start, cpu = time.time(), time.process_time()
            failures = trials.run_all(client, missing, {'conv16-ds2': {}}, trials.Progress(0, number), task)
            seconds, cpu = time.time() - start, time.process_time() - cpu
    if failures:
        raise SystemExit(failures[0])
    return 3600 * number / seconds, cpu / number


def main():
    trials.runs, trials.settings = {'conv16-ds2': trials.RUNS['conv16-ds2']}, REAL
    print('| trials | workers | trials per hour | of the ideal | CPU of the driver, a trial |\n|---|---:|---:|---:|---:|')
    base = None
    for workers in sorted({1, cores()}):
        rate, cpu = measure(trials.run_trial, workers, 8 * workers)
        base = base or rate
        print('| real, 2 epochs of conv16-ds2 | %d | %.0f | %.0f %% | %.0f ms |' % (
            workers, rate, 100 * rate / base / workers, 1000 * cpu), flush=True)
    for workers in (16, 64, 256):
        rate, cpu = measure(waiting_trial, workers, 8 * workers, threads_per_worker=workers // 4)
        print('| waiting %g s | %d | %.0f | %.0f %% | %.0f ms |' % (
            WAIT, workers, rate, 100 * rate * WAIT / 3600 / workers, 1000 * cpu), flush=True)
    print('\n%s' % machine())


if __name__ == '__main__':
    main()

"""How trials per hour grow with the workers, and what the driver itself costs a trial.

    python experiments/scaling.py                            a few minutes
    python experiments/scaling.py json=FILE.json             keeps the figures, which `make tables` puts into the README

Real trials, short ones, on 1 worker and on as many as there are cores; then trials that only wait, on far more
workers than there are cores: what is missing from the ideal there is the driver's and the scheduler's own time.
"""
import json
import os
import sys
import time

from paths import ROOT
from datasets.files import write_whole
from run import script, settings
import cluster
import worker
from machine import cores, machine

REAL = ['nepoch=2']                # settings of a real trial
WAIT = 5.                          # seconds that a trial of the others takes
LOG = '# data: MNIST\n' + 'x' * 1000 + '\n50 0.1 0.2 0.3 0.4\n'


def waiting_trial(root, name, script, arguments, seed, threads, keep):
    time.sleep(WAIT)
    return LOG, None, None


def measure(task, workers, number, threads_per_worker=1):
    """(trials per hour, CPU seconds of the driver's process a trial)."""
    failures = []

    def finished(name, seed, result):
        failures.extend([result[2]] * bool(result[2]))
        return result[2] or 'done', bool(result[2])

    with cluster.connected('', workers, threads_per_worker) as client:
        todo = {('conv16-ds2', seed): (ROOT, 'conv16-ds2', '', REAL, seed, 1, False) for seed in range(number)}
        if task is worker.run_trial:                         # compiles
            cluster.run_all(client, dict(list(todo.items())[:2 * workers]), finished, task=task)
        start, cpu = time.time(), time.process_time()
        cluster.run_all(client, todo, finished, task=task)
        seconds, cpu = time.time() - start, time.process_time() - cpu
    if failures:
        script.stop(failures[0], 1)
    return 3600 * number / seconds, cpu / number


def rows():
    """The figures: kind of trials, workers, trials an hour, share of the ideal, seconds of the driver's CPU a trial."""
    base = None
    for workers in sorted({1, cores()}):
        rate, cpu = measure(worker.run_trial, workers, 8 * workers)
        base = base or rate
        yield 'real, 2 epochs of conv16-ds2', workers, rate, rate / base / workers, cpu
    for workers in (16, 64, 256):
        rate, cpu = measure(waiting_trial, workers, 8 * workers, threads_per_worker=workers // 4)
        yield 'waiting %g s' % WAIT, workers, rate, rate * WAIT / 3600 / workers, cpu


def main(arguments):
    given = settings.parse(__doc__, {'json': ''}, {'json': settings.file_named('.json')}, arguments)
    result = {'rows': [], 'machine': machine(), 'date': time.strftime('%Y-%m-%d')}
    for row in rows():
        result['rows'].append(row)
        print('%s, %d workers: %.0f trials per hour, %.0f %% of the ideal, %.0f ms of the driver each' % (
            *row[:3], 100 * row[3], 1000 * row[4]), flush=True)
        if given['json']:
            write_whole(given['json'], (json.dumps(result, indent=1) + '\n').encode())


if __name__ == '__main__':
    os.environ.setdefault('DASK_LOGGING__DISTRIBUTED', 'error')
    with script.ending():
        main(sys.argv[1:])

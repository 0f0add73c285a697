"""Times a training epoch of this project, of stock Theano and of its peers, interleaved in one run.

    python experiments/bench.py                                  all eight nets, all peers: half an hour
    python experiments/bench.py net=conv16-ds2 peers=stock,torch repeats=3 json=FILE markdown=FILE

`make peers` sets the peers up. For each net, every contender waits in a process of its own with the data in
memory; in each repeat they take turns at the same epoch, same weights, same order, while the others sleep. What json
holds of other nets, of the same machine, day and settings, stays there.
"""
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from paths import HERE, ROOT
import numpy as np

from datasets.files import write_whole
from run import script
from run.settings import file_named, integers, parse
from theano_setup.environment import compiler
from machine import cores, machine, vectors
import bench_tables
from contenders import (CONTENDERS, ONE_THREAD, VARIANTS, chosen_peers, enter, flops, job_of, python_of, say,
                        seconds_per_epoch)
from peers.protocol import Failed, Worker, hold
from runs import arguments_of, prepare, runs_named

DEFAULTS = {'net': 'article', 'peers': 'all', 'repeats': 5, 'threads': cores(), 'part': 500, 'data': 'auto',
            'startup': 0, 'variants': 0, 'width': '', 'json': '', 'markdown': ''}
RULES = {
    'net': (lambda value: isinstance(value, str), 'names of runs.py or of its groups, separated by commas'),
    'peers': (lambda value: isinstance(value, str), "'all', 'none', or contenders, separated by commas"),
    'repeats': (integers(1, 1000)[0], 'a whole number from 1 to 1000: timed epochs, whose median counts'),
    'threads': integers(1, cores()),
    'part': (integers(1, 500)[0], 'a whole number from 1 to 500: minibatches of the epoch that are timed'),
    'data': (lambda value: isinstance(value, str), "as in mnist_convnet.py"),
    'startup': (integers(0, 1)[0], "1 times the article's first run, too, as a process with cold and warm caches"),
    'variants': (integers(0, 1)[0], '1 times the project with dropout, decay, average, shift, too; with distortions'),
    'width': (lambda value: value in ('', 'AVX2'), "AVX2, for which the project is compiled then, or ''"),
    'json': file_named('.json'), 'markdown': file_named('.md'),
}
TOLERANCE = 0.1          # relative, of the minibatches' mean cost: some 1 % is usual, 9 % where each draws its dropout


def given_settings(arguments):
    """The settings, with nets as {name: Run} and peers as a list. Raises SettingError."""
    given = parse(__doc__, DEFAULTS, RULES, arguments)
    given['peers'] = chosen_peers(given['peers'])
    given['net'] = runs_named(given['net'], 'net')
    return given


def take_turns(workers, job, repeats, peak):
    """Times every worker in every repeat: seconds, cores in use, costs, conv layers, checkpoints, cores of the waiting.

    A worker that fails leaves workers.
    """
    times, in_use, costs = {c: [] for c in workers}, {c: [] for c in workers}, {}
    conv_times, checkpoints, idle = [], [], []
    for repeat in range(repeats):
        peak.measure()
        for contender, worker in list(workers.items()):
            waiting = [w for w in workers.values() if w is not worker]
            try:
                worker.ask('reset')
                worker.ask('train', 1, min(job['part'], 10))      # warm again, after its sleep
                worker.ask('reset')
                start, cpu = time.time(), sum(w.cpu() for w in waiting)
                seconds, cores_in_use, costs[contender] = seconds_per_epoch(worker, job, job['part'])
                idle.append((sum(w.cpu() for w in waiting) - cpu) / (time.time() - start))
                times[contender].append(seconds)
                in_use[contender].append(cores_in_use)
                if contender == 'project':
                    conv_times.append(np.sum(worker.ask('layers'), axis=0))
                    checkpoints.append(worker.ask('checkpoint'))
            except Failed as failure:
                say('%s left out: %s' % (contender, failure))
                del workers[contender]
        say('repeat %d of %d: %s' % (repeat + 1, repeats, ', '.join('%s %.2f' % (c, times[c][-1]) for c in workers)))
    return times, in_use, costs, conv_times, checkpoints, max(idle, default=0)


def run_net(name, contenders, prepared, given, peak, folder):
    """Figures of a net: each contender's seconds an epoch, their spread, costs, arithmetic rates."""
    say('%s' % name)
    job = dict(job_of(prepared, folder, given['part'], given['threads']), flags=given['flags'])
    workers, tried = {}, {}
    for contender in contenders:
        kind = contender if contender in CONTENDERS else 'project'
        worker, tried[contender] = enter(kind, dict(job, threads=1) if contender == ONE_THREAD else job)
        if worker is not None:
            workers[contender] = worker
    times, in_use, costs, conv_times, checkpoints, idle = take_turns(workers, job, given['repeats'], peak)
    for worker in workers.values():
        worker.end()
    if 'project' not in workers:
        script.stop('%s: this project itself does not run' % name, 1)
    say('mean cost of the minibatches: ' + ', '.join('%s %.4f' % (c, costs[c]) for c in workers))
    wrong = [c for c in workers if c not in VARIANTS and not abs(costs[c] / costs['project'] - 1) <= TOLERANCE]
    for contender in wrong:
        say('%s does not learn the same, and does not count' % contender)
    if idle > 0.02:
        say('those waiting used %.2f cores' % idle)
    medians = {c: statistics.median(times[c]) for c in workers if c not in wrong}
    one_thread = medians.pop(ONE_THREAD, None)
    variants = {c: medians.pop(c) for c in VARIANTS if c in medians}
    forward, both = np.median(conv_times, axis=0)          # 0 where there is no conv layer
    minibatch = forward, both - forward, medians['project'] * job['batchsize'] / job['NL']
    return {
        'NL': job['NL'], 'seconds_per_epoch': medians, 'project_one_thread': one_thread, 'variants': variants,
        'spread': {c: [min(times[c]), max(times[c])] for c in workers}, 'all': times,
        'checkpoint_share_of_epoch': statistics.median(checkpoints) / medians['project'],
        'mean_cost': costs, 'does_not_learn_the_same': wrong, 'choice': {c: w.choice for c, w in workers.items()},
        'seconds_of_choices': tried, 'versions': {c: w.version for c, w in workers.items()},
        'cores_in_use': {c: statistics.median(in_use[c]) for c in workers}, 'cores_used_by_the_waiting': idle,
        'gflops': {key: 1e-9 * f / s for (key, f), s in zip(
            flops(job['layers'], job['batchsize']).items(), (*minibatch, minibatch[-1])) if f},
    }


class Peak:
    """Fused multiply-adds, float32, in GFLOP/s, of one thread and of all: measured again and again, in turns."""

    def __init__(self, folder, threads, compiler):
        self.program, self.gflops = os.path.join(folder, 'fma_peak'), {1: [], threads: []}
        subprocess.run([compiler, '-O3', '-march=native', '-fopenmp', '-x', 'c++', os.path.join(HERE, 'fma_peak.c'),
                        '-o', self.program], check=True)

    def measure(self):
        for number in 3 * list(self.gflops):
            answer = subprocess.run([self.program, str(number)], stdout=subprocess.PIPE, check=True,
                                    preexec_fn=lambda: hold(number))
            self.gflops[number].append(float(answer.stdout))


def compiler_of(width, folder):
    """(the compiler of the project and the peak, what Theano is told of it): for AVX2 a g++ of one's own."""
    if not width:
        return compiler(), ''
    narrow = os.path.join(folder, 'g++')
    with open(narrow, 'w') as file:
        file.write('#!/bin/sh\nexec %s "$@" -mno-avx512f\n' % compiler())               # Theano's own flags come before
    os.chmod(narrow, 0o755)
    return narrow, 'cxx=%s,base_compiledir=%s' % (narrow, os.path.join(folder, 'compiled'))


def start_up(data, threads, flags):
    """Seconds of the article's first run, a process: no epoch, from an empty and a warm cache; then whole."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        flags = ','.join(filter(None, [os.environ.get('THEANO_FLAGS'), flags, 'base_compiledir=' + folder]))
        for name, arguments in (('empty_cache', ['nepoch=0']), ('warm_cache', ['nepoch=0']), ('whole_run', [])):
            start = time.time()
            command = [sys.executable, os.path.join(ROOT, 'mnist_convnet.py'), 'data=' + data, *arguments]
            subprocess.run(command, env=dict(os.environ, THEANO_FLAGS=flags, OMP_NUM_THREADS=str(threads)), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[name] = time.time() - start
            say('%s: %.1f s' % (name, seconds[name]))
    return seconds


def bench(given):
    """Times the nets, and writes what there is after each; returns the figures."""
    say('load of the machine before the start: %.1f (should be near 0)' % os.getloadavg()[0])
    missing = [c for c in given['peers'] if not os.path.exists(python_of(c))]
    if missing:
        say('missing, left out: %s (`make peers` sets them up)' % ', '.join(missing))
    threads = given['threads']
    contenders = ['project'] + [ONE_THREAD] * (threads > 1) + VARIANTS * given['variants'] + [
        c for c in given['peers'] if c not in missing]
    result = {'threads': threads, 'peak_gflops': None, 'nets': {}, 'missing': missing, 'machine': machine(),
              'date': datetime.date.today().isoformat(), 'repeats': given['repeats'], 'minibatches': given['part'],
              'data_asked_for': given['data']}
    with tempfile.TemporaryDirectory() as folder:
        cxx, given['flags'] = compiler_of(given['width'], folder)
        result = kept(given['json'], dict(result, vectors=vectors(cxx)))
        peak = Peak(folder, threads, cxx)
        for name, run in given['net'].items():
            prepared = prepare(['data=' + given['data']] + arguments_of(run))
            dataset = prepared['dataset']
            result['data'] = dataset.source
            np.save(os.path.join(folder, 'X.npy'), dataset.XL)
            np.save(os.path.join(folder, 't.npy'), dataset.tL)
            result['nets'][name] = run_net(name, contenders, prepared, given, peak, folder)
            result['peak_gflops'] = max([*peak.gflops[threads], result['peak_gflops'] or 0])
            one, every = (statistics.median(peak.gflops[number]) for number in (1, threads))
            result['peak_one_thread_to_all'] = every / one
            write(result, given)                           # after each net: what is measured outlives a Ctrl-C
        if given['startup']:
            result['startup_seconds'] = start_up(given['data'], threads, given['flags'])
            write(result, given)
    return result


def kept(path, result):
    """The figures in a file that is of the same machine, day and settings; else result."""
    try:
        with open(path) as file:
            earlier = json.load(file)
        same = all(earlier[key] == result[key] for key in (
            'threads', 'machine', 'vectors', 'date', 'repeats', 'minibatches', 'data_asked_for'))
    except (OSError, ValueError, KeyError, TypeError):
        return result
    if same:
        say('%s: keeps %s' % (path, ', '.join(earlier['nets'])))
    return earlier if same else result


def write(result, given):
    """Completes the figures of the nets so far, and writes the files asked for."""
    result['versions'] = sorted({v for figures in result['nets'].values() for v in figures['versions'].values()})
    texts = {'json': json.dumps(result, indent=1) + '\n', 'markdown': bench_tables.bench(result)}
    for path, text in ((given[form], text) for form, text in texts.items()):
        if path:
            write_whole(path, text.encode())


def main(arguments):
    given = given_settings(arguments)
    try:
        print(bench_tables.bench(bench(given)))
    finally:
        for worker in list(Worker.running):
            worker.end()


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with script.ending():
        main(sys.argv[1:])

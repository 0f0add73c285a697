"""Seconds of training until the mean test error is below 1 %: one recipe with a fixed number of epochs, 30 seeds.

    python experiments/speedrun.py                           this project, and PyTorch and TensorFlow
    python experiments/speedrun.py seeds=5 peers=torch peer_seeds=5 json=FILE

The recipe is the run `speedrun` of runs.py, chosen on the validation examples, then trained on all 60000. `make peers`
sets the peers up: each trains by the same recipe, from the same weights, in the same order, in its fastest way here,
while the others sleep; from the first `peer_seeds` seeds alone, as only its time is asked for. Training alone is timed:
the data are in memory, all is compiled, and compiling is told apart.
"""
import datetime
import json
import os
import statistics
import sys
import tempfile

import paths
import numpy as np
from scipy import stats

from datasets.files import write_whole
from run import script
from run.settings import file_named, integers, parse, typed
from theano_setup.environment import compiler
from training import share_of_eta
from contenders import chosen_peers, enter, job_of, python_of, say
from machine import cores, machine, vectors
from peers.protocol import Failed, Worker
from runs import RUNS, arguments_of, prepare

GOAL = 1.                # % of the test examples
DEFAULTS = {'seeds': 30, 'peers': 'torch,torch-compiled,tensorflow', 'peer_seeds': 5, 'threads': cores(),
            'data': 'auto', 'json': ''}
RULES = {
    'seeds': integers(2, 1000),
    'peers': (lambda value: isinstance(value, str), "'all', 'none', or contenders of bench.py, separated by commas"),
    'peer_seeds': integers(1, 1000),
    'threads': integers(1, cores()),
    'data': (lambda value: isinstance(value, str), 'as in mnist_convnet.py'),
    'json': file_named('.json'),
}


def recipe(given, folder):
    """What workers are told: the run's net, and the learning rate of every step; the data are in the folder."""
    prepared = prepare(['data=' + given['data']] + arguments_of(RUNS['speedrun']))
    dataset, settings = prepared['dataset'], prepared['settings']
    for name, array in ('X', dataset.XL), ('t', dataset.tL), ('XT', dataset.XT), ('tT', dataset.tT):
        np.save(os.path.join(folder, name + '.npy'), array)
    job = job_of(prepared, folder, part=25, threads=given['threads'])
    steps, nepoch = len(dataset.tL) // job['batchsize'], settings['nepoch']
    shares = [share_of_eta(settings['schedule'], settings['warmup'], n / steps, nepoch) for n in range(steps * nepoch)]
    np.save(os.path.join(folder, 'etas.npy'), np.array(shares) * job['eta'])
    return job


def race(workers, seeds, peer_seeds):
    """{contender: [(seconds, test error in %) of each seed]}, in turns; a worker that fails leaves."""
    found = {contender: [] for contender in workers}
    for seed in range(seeds):
        racing = [c for c in workers if c == 'project' or seed < peer_seeds]
        for contender in racing:
            worker = workers[contender]
            try:
                worker.ask('train', 1, 10)                 # warm again, after its sleep
                found[contender].append(worker.ask('race', seed))
            except Failed as failure:
                say('%s left out: %s' % (contender, failure))
                del workers[contender]
        say('seed %d: %s' % (seed, ', '.join(
            '%s %.2f s, %.2f %%' % (c, *found[c][-1]) for c in racing if c in workers)))
    return {contender: found[contender] for contender in workers}


def figures(found, workers):
    """The figures of all: seconds are medians; p: of the mean test error's not being below the goal, one-sided.

    times_ours: how many times as long a peer takes, the median of the seeds that both have trained from, in turns.
    """
    seconds = {c: statistics.median(s for s, _ in of) for c, of in found.items()}
    errors = {c: [error for _, error in of] for c, of in found.items()}
    mine = errors['project']
    return {
        'seconds': seconds['project'], 'mean_test_error': statistics.mean(mine), 'n': len(mine),
        'p': float(stats.ttest_1samp(mine, GOAL, alternative='less').pvalue),
        'peers': {c: s for c, s in seconds.items() if c != 'project'},
        'times_ours': {c: statistics.median(s / ours for (s, _), (ours, _) in zip(of, found['project']))
                       for c, of in found.items()},
        'mean_test_errors': {c: statistics.mean(of) for c, of in errors.items()},
        'spread': {c: [min(s for s, _ in of), max(s for s, _ in of)] for c, of in found.items()},
        'seconds_to_compile_and_start': {c: worker.started for c, worker in workers.items()},
        'choices': {c: worker.choice for c, worker in workers.items()},
        'versions': {c: worker.version for c, worker in workers.items()},
        'settings': ' '.join(typed(*item) for item in RUNS['speedrun'].settings.items()),
        'all': found, 'machine': machine(), 'vectors': vectors(compiler()), 'date': datetime.date.today().isoformat()}


def told(result):
    """The figures as lines."""
    yield 'settings: ' + result['settings']
    for contender, error in result['mean_test_errors'].items():
        seconds = result['seconds'] if contender == 'project' else result['peers'][contender]
        low, high = result['spread'][contender]
        yield '%s: %.2f s of training (%.2f to %.2f), test error %.3f %%; to compile and start %.1f s%s' % (
            contender, seconds, low, high, error, result['seconds_to_compile_and_start'][contender],
            '' if contender == 'project' else '; x %.2f' % result['times_ours'][contender])
    yield 'test that the mean of %d seeds is below %g %%: p = %.2g' % (result['n'], GOAL, result['p'])
    yield '%s, %s; %s; %s' % (result['machine'], result['vectors'],
                              ', '.join(sorted(set(result['versions'].values()))), result['date'])


def main(arguments):
    given = parse(__doc__, DEFAULTS, RULES, arguments)
    peers = chosen_peers(given['peers'])
    say('load of the machine before the start: %.1f (should be near 0)' % os.getloadavg()[0])
    workers = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            job = recipe(given, folder)
            for contender in ['project'] + [peer for peer in peers if os.path.exists(python_of(peer))]:
                worker, _ = enter(contender, job)
                if worker is not None:
                    workers[contender] = worker
            found = race(workers, given['seeds'], given['peer_seeds'])
            if 'project' not in found:
                script.stop('speedrun: this project itself does not run', 1)
            result = figures(found, workers)
        if given['json']:
            write_whole(given['json'], (json.dumps(result, indent=1) + '\n').encode())
        print('\n'.join(told(result)))
    finally:
        for worker in list(Worker.running):
            worker.end()


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])

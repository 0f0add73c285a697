"""What the tests of trials share: how they are started, and what has to be there in the end."""
import csv
import functools
import glob
import gzip
import os
import re
import subprocess
import sys

from conftest import ROOT, amount, run_script

# A sample is of a small dense net that Theano interprets: workers then have nothing to compile.
INTERPRETED = amount('linker=py,optimizer_excluding=fused', '')
SMALL = 'NL=500 interval=1 batchsize=20 ' + amount('hidden=full H1=8', 'W1nch=4')


def arguments(folder, results, nepoch, *more, small=SMALL):
    return ['runs=conv16-ds2', 'results=%s' % results, 'workers=2', 'threads=1',
            'settings=data=%s %s nepoch=%d' % (folder, small, nepoch), *more]


def driver(*arguments, **settings):
    return subprocess.Popen([sys.executable, os.path.join(ROOT, 'experiments', 'trials.py'), *arguments], cwd=ROOT,
                            env=dict(os.environ, THEANO_FLAGS=INTERPRETED), **settings,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def trials(*arguments, flags=INTERPRETED):
    return run_script(*arguments, script='experiments/trials.py', timeout=900, THEANO_FLAGS=flags)


def log_of(results, seed, run='conv16-ds2'):
    """By its own line of the seed, as the script prints it."""
    with gzip.open(os.path.join(str(results), 'logs', run, 'trials.log.gz'), 'rt') as file:
        logs = re.split('(?m)^(?=# data: )', file.read())[1:]
    text, = [log for log in logs if re.search('(?m)^# seed: %d ' % seed, log)]
    return text


def logs_of(results):
    """{path: the logs in it} of all runs."""
    return {path: re.split('(?m)^(?=# data: )', gzip.open(path, 'rt').read())
            for path in glob.glob(os.path.join(str(results), 'logs', '*', '*.gz'))}


@functools.lru_cache(maxsize=None)
def serial(folder, seed, nepoch, small=SMALL, flags=INTERPRETED):
    """What mnist_convnet.py prints, undisturbed."""
    run = run_script('data=' + folder, *small.split(), 'nepoch=%d' % nepoch, 'seed=%d' % seed, OMP_NUM_THREADS='1',
                     THEANO_FLAGS=','.join(filter(None, (os.environ.get('THEANO_FLAGS'), flags))))
    assert run.returncode == 0, run.stderr
    return run.stdout


def check_all(results, folder, seeds, nepoch, *how):
    """Every trial is there exactly once, in files and in rows, and its log is that of a serial run, byte for byte."""
    names = sorted(os.listdir(os.path.join(str(results), 'logs', 'conv16-ds2')))
    assert names == ['trials.log.gz']
    with open(os.path.join(str(results), 'trials.csv')) as file:
        rows = [row for row in csv.DictReader(file) if row['run'] != 'diverges']
    assert [(row['run'], int(row['seed'])) for row in rows] == [('conv16-ds2', seed) for seed in range(seeds)]
    for seed, row in enumerate(rows):
        log = log_of(results, seed)
        assert log.startswith(serial(folder, seed, nepoch, *how))
        last = serial(folder, seed, nepoch, *how).rstrip().split('\n')[-1].split()
        assert [row[name] for name in ('train_error', 'valid_error', 'test_error')] == last[2:]
    return rows

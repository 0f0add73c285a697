"""Trains every run from several seeds, on one machine or many, and tells mean and spread of the errors.

    python experiments/trials.py runs=article trials=10              the article's eight runs from ten seeds each
    python experiments/trials.py runs=conv16-ds2,full1000 scheduler=tcp://HOST:8786

A trial is a process on a Dask worker. What is finished stands in results/logs/RUN/seed-S.log.gz and is never run
again: the same command goes on where it was. At the end come RESULTS.md and results/trials.csv.
"""
import contextlib
import difflib
import functools
import gzip
import hashlib
import io
import json
import os
import queue
import runpy
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]
import logs as printed  # noqa: E402
import summary  # noqa: E402
from run.settings import ALLOWED, stop  # noqa: E402
from machine import cores  # noqa: E402
from runs import GROUPS, RUNS  # noqa: E402

# settings, each to be given as name=value
runs = 'article'                             # names of runs.py or of its groups, separated by commas
trials = 10                                  # of each run: seeds 0, 1, 2, ...
scheduler = ''                               # tcp://HOST:PORT of a Dask scheduler; '' starts workers here
workers = cores()                            # started here
threads = 0                                  # of each trial; 0: the cores here shared out among the workers
results = os.path.join(HERE, 'results')      # folder
settings = ''                                # hyperparameters for every run, such as 'nepoch=5 NL=1000'


# ---- on a worker

def run_trial(root, name, arguments, seed, threads):
    """Runs a trial in a process of its own: (its log with lines on how it came about, None), or (None, why it failed).

    The compiled code is kept in a folder of this worker's own, and is there before the time is taken.
    """
    import platform
    import re
    from distributed import get_worker
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'mnist-trials')
    folder = os.path.join(cache, re.sub(r'\W', '-', '%s-%s' % (platform.node(), get_worker().name)))
    os.makedirs(folder, exist_ok=True)
    flags = [os.environ.get('THEANO_FLAGS'), 'base_compiledir=' + folder]
    env = dict(os.environ, THEANO_FLAGS=','.join(filter(None, flags)), OMP_NUM_THREADS=str(threads))

    def process(*more):
        script = os.path.join(root, 'experiments', 'trial.py')
        with tempfile.TemporaryFile() as err, subprocess.Popen(
                [sys.executable, script, *arguments, *more], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=err, start_new_session=True) as child:          # Ctrl-C is for the driver
            out = child.stdout.read().decode()             # communicate() would close stdin, which ends the trial
            child.wait()
            err.seek(0)
            last = (err.read().decode(errors='replace').strip().split('\n'))[-1]
        return out, None if child.returncode == 0 else 'status %d: %s' % (child.returncode, last)

    warm = os.path.join(folder, hashlib.sha256(' '.join(arguments).encode()).hexdigest() + '.warm')
    if not os.path.exists(warm):
        failure = process('nepoch=0')[1]
        if failure:
            return None, failure
        open(warm, 'w').close()
    start = time.time()
    log, failure = process('seed=%d' % seed)
    diverged = re.match('status 3: (.*)', failure or '')              # from this seed always: a result like others
    if failure and not diverged:
        return None, failure
    log += '# diverged: %s\n' % diverged[1] if diverged else ''
    return log + '# run: %s\n# threads: %d wall time: %.1f s\n' % (name, threads, time.time() - start), None


# ---- the driver

OWN = 'seed', 'checkpoint', 'resume', 'save'                 # hyperparameters that trials cannot share


def nearest(word, known):
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return ', did you mean %s?' % near[0] if near else '; known are ' + ', '.join(known)


def override(values, arguments):
    """Puts the arguments, name=value, into values and checks them; ends with one line and status 2 if wrong."""
    numbers = {'trials': (1, 10000), 'workers': (1, 1000), 'threads': (0, 1000)}
    names = ['runs', 'scheduler', 'results', 'settings', *numbers]
    for argument in arguments:
        name, equals, value = argument.partition('=')
        if name in ALLOWED and name not in OWN:
            stop('%s: is a hyperparameter: "settings=%s"' % (argument, argument))
        if not equals or name not in names:
            stop('%s: %s%s' % (argument, 'no setting of this name' if equals else 'must be name=value', nearest(name, names)))
        if name in numbers:
            least, most = numbers[name]
            if not value.isdigit() or not least <= int(value) <= most:
                stop('%s = %s: must be a whole number from %d to %d' % (name, value, least, most))
            value = int(value)
        values[name] = value
    chosen = {}
    for word in values['runs'].split(','):
        if word not in GROUPS and word not in RUNS:
            stop('runs = %s: no such run or group%s' % (word, nearest(word, [*GROUPS, *RUNS])))
        chosen.update(GROUPS.get(word) or {word: RUNS[word]})
    values['runs'] = chosen
    for word in values['settings'].split():
        if word.partition('=')[0] in OWN:
            stop('settings = %s: %s: cannot be the same for all trials' % (values['settings'], word))
    if values['scheduler'] and '://' not in values['scheduler']:
        stop('scheduler = %s: must be an address such as tcp://HOST:8786' % values['scheduler'])


def arguments_of(run):
    """The arguments of mnist_convnet.py for a run, without a seed; those in settings come last, and win."""
    return ['%s=%s' % item for item in run.settings.items()] + settings.split()


def full_settings(arguments):
    """(all hyperparameters of a run, words on its data), checked by the script itself, up to where it would train.

    Ends the process with the script's own line where something is wrong.
    """
    import mnist
    import training
    load, train = mnist.load, training.train
    mnist.load, training.train = functools.lru_cache(maxsize=1)(load), lambda *_: None
    argv, sys.argv = sys.argv, ['mnist_convnet.py'] + arguments
    words = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(words):
            there = runpy.run_path(os.path.join(ROOT, 'mnist_convnet.py'), run_name='__main__')
        return there['settings'], there['data'].source
    except SystemExit:
        sys.stderr.write(words.getvalue())
        raise
    finally:
        mnist.load, training.train, sys.argv = load, train, argv


def path_of(name, seed):
    return os.path.join(results, 'logs', name, 'seed-%d.log.gz' % seed)


def missing_trials():
    """(name, seed) of every trial that is not finished, seed by seed, so that all runs get on alike; {name: settings}.

    Ends with one line where a finished one has other settings than are asked for now.
    """
    missing, wanted = [], {}
    for name, run in runs.items():
        wanted[name], source = full_settings(arguments_of(run))
        for seed in range(trials):
            if not os.path.exists(path_of(name, seed)):
                missing.append((name, seed))
                continue
            log = printed.read_logs(path_of(name, seed))[0]
            asked = json.loads(json.dumps(dict(wanted[name], seed=seed, data=source)))
            there = dict(log.settings or {}, data=log.source)
            differ = ['%s = %r, not %r' % (key, there.get(key), asked[key]) for key in asked if there.get(key) != asked[key]]
            if differ:
                stop('%s: is of other settings: %s; remove it, or give another results=FOLDER'
                     % (path_of(name, seed), ', '.join(differ)))
    return sorted(missing, key=lambda trial: trial[1]), wanted


@contextlib.contextmanager
def connected(threads_per_worker=1):
    """A Dask client of the scheduler given, or of workers started here; one process is so many of them."""
    import dask
    from distributed import Client, LocalCluster
    # A worker that is killed is not its trial's fault: trials are processes of their own. On a busy machine a new one
    # may take longer than the 15 s after which Dask would do without. Dask's profiler and its ticks, 50 a second, take
    # a fifth of a core from the trials.
    dask.config.set({'distributed.scheduler.allowed-failures': 1000, 'distributed.deploy.lost-worker-timeout': '1h',
                     'distributed.worker.profile.enabled': False, 'distributed.admin.tick.interval': '1s'})
    with contextlib.ExitStack() as stack:
        if scheduler:
            address = scheduler
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            address = stack.enter_context(LocalCluster(
                n_workers=workers // threads_per_worker, threads_per_worker=threads_per_worker, processes=True,
                dashboard_address='127.0.0.1:0', memory_limit=0, local_directory=folder))
        try:
            client = stack.enter_context(Client(address, timeout='10s'))
        except OSError as error:
            stop('scheduler = %s: %s' % (scheduler or 'local', error), 1)
        yield client


class Progress:
    """Trials done, running and failed, and the time left, on stderr: a line that is rewritten, or one a trial."""

    def __init__(self, finished, missing):
        self.total, self.before, self.done, self.failed = finished + missing, finished, finished, 0
        self.start, self.terminal = time.time(), sys.stderr.isatty()

    def words(self, running):
        new = self.done - self.before
        left = (time.time() - self.start) / new * (self.total - self.done - self.failed) if new else None
        return '%d of %d trials done, %d running, %d failed, %s left' % (
            self.done, self.total, running, self.failed, '?' if left is None else '%d:%02d:%02d' % (
                left // 3600, left // 60 % 60, left % 60))

    def show(self, running, line=None):
        end = '\x1b[K\r' if self.terminal else '\n'
        if line:
            print('# %s%s' % (line, '\x1b[K' * self.terminal), file=sys.stderr)
        if line or self.terminal:
            print('# ' + self.words(running), end=end, file=sys.stderr, flush=True)


def run_all(client, missing, wanted, progress, task=run_trial):
    """Runs the missing trials, and writes each one's log as it comes in; returns lines on those that failed."""
    from datasets.files import write_whole
    finished, failures = queue.Queue(), []
    share = threads or max(1, cores() // workers)
    futures = {}
    for name, seed in missing:
        future = client.submit(task, ROOT, name, arguments_of(runs[name]), seed, share, pure=False, retries=0)
        future.add_done_callback(finished.put)
        futures[future] = name, seed
    progress.show(min(len(futures), sum(client.nthreads().values())), '%d trials to run' % len(futures))
    while futures:
        running = min(len(futures), sum(client.nthreads().values()))
        try:
            future = finished.get(timeout=2)
        except queue.Empty:
            progress.show(running)
            continue
        name, seed = futures.pop(future)
        try:
            log, failure = future.result()
        except Exception as error:                          # the worker's, whatever it is: this trial alone has failed
            log, failure = None, '%s: %s' % (type(error).__name__, error)
        if failure:
            failures.append('%s, seed %d: %s' % (name, seed, failure))
            progress.failed += 1
            progress.show(running - 1, failures[-1])
        else:
            log += '# settings: %s\n' % json.dumps(dict(wanted[name], seed=seed))
            log += '# changed: %s\n' % ' '.join(settings.split()) if settings else ''        # on one line
            os.makedirs(os.path.dirname(path_of(name, seed)), exist_ok=True)
            write_whole(path_of(name, seed), gzip.compress(log.encode(), mtime=0))
            progress.done += 1
            progress.show(running - 1, '%s, seed %d: %s' % (name, seed, summary.outcome(log)))
        future.release()
    return failures


def main():
    from run import saving
    os.makedirs(results, exist_ok=True)
    lock = saving.lock(os.path.join(results, 'trials.lock'))
    try:
        missing, wanted = missing_trials()
        failures = []
        if missing:
            progress = Progress(len(runs) * trials - len(missing), len(missing))
            with connected() as client:
                failures = run_all(client, missing, wanted, progress)
        summary.write(results)
        if failures:
            stop('%d of %d trials failed; the same command tries again' % (len(failures), len(missing)), 1)
    finally:
        saving.unlock(lock)


if __name__ == '__main__':
    override(globals(), sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: stop('stopped by SIGTERM; the same command goes on', 143))
    os.environ.setdefault('DASK_LOGGING__DISTRIBUTED', 'error')
    try:
        import distributed  # noqa: F401
    except ImportError:
        stop('Dask is not installed: make extras')
    from run import saving
    try:
        main()
    except (saving.SavingError, printed.LogError) as error:
        stop(error, 1)
    except KeyboardInterrupt:
        stop('stopped by Ctrl-C; the same command goes on', 130)

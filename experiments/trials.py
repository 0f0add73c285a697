"""Trains every run from several seeds, on one machine or many, and tells mean and spread of the errors.

    python experiments/trials.py runs=article trials=10              the article's eight runs from ten seeds each
    python experiments/trials.py runs=conv16-ds2,full1000 scheduler=tcp://HOST:8786
    python experiments/trials.py script=mine.py trials=5             a script of one's own that takes seed=

A trial is a process on a Dask worker. What is finished stands in results/logs/RUN/trials.log.gz and is never run
again: the same command resumes. At the end come RESULTS.md and results/trials.csv. keep=nets keeps the trained nets,
in results/nets/RUN/seed-S.npz. For a script, runs are the settings it is given; none if not given.
"""
import collections
import hashlib
import importlib.util
import json
import os
import signal
import sys

from paths import RESULTS, ROOT
from datasets.files import write_whole
from run import locks, script
from run.settings import SettingError, integers, one_of, parse
import logs
import summary
from cluster import connected, run_all
from machine import cores
from runs import Run, arguments_of, prepare, runs_named

DEFAULTS = {'runs': '', 'trials': 10, 'scheduler': '', 'workers': cores(), 'threads': 0, 'results': RESULTS,
            'settings': '', 'script': '', 'keep': ''}
RULES = {
    'runs': (lambda value: isinstance(value, str), "names of runs.py or its groups, separated by commas; '': article"),
    'trials': (integers(1, 10000)[0], 'a whole number from 1 to 10000: of each run, from seeds 0, 1, 2, ...'),
    'scheduler': (lambda value: not value or '://' in value, "an address such as tcp://HOST:8786; '' for workers here"),
    'workers': integers(1, 1000),
    'threads': (integers(0, 1000)[0], 'a whole number from 0 to 1000: of each trial; 0 shares out the cores'),
    'results': (lambda value: isinstance(value, str) and value, 'a folder, or the name for one'),
    'settings': (lambda value: isinstance(value, str), "hyperparameters for every run, such as 'nepoch=5 NL=1000'"),
    'script': (lambda value: not value or os.path.isfile(value), "a script, or '' for mnist_convnet.py"),
    'keep': one_of('', 'nets'),
}
OWN = 'seed', 'checkpoint', 'resume', 'save'                 # hyperparameters that trials cannot share


def given_settings(arguments):
    """The settings, with runs as {name: the arguments of a trial without its seed}. Raises SettingError."""
    from run.hyperparameters import RULES as HYPERPARAMETERS
    for argument in arguments:
        name = argument.partition('=')[0]
        if name in HYPERPARAMETERS and name not in OWN:
            raise SettingError('%s: is a hyperparameter: "settings=%s"' % (argument, argument))
    given = parse(__doc__, DEFAULTS, RULES, arguments)
    for word in given['settings'].split():
        if word.partition('=')[0] in OWN:
            raise SettingError('settings = %s: %s: cannot be the same for all trials' % (given['settings'], word))
    if given['script'] and not given['runs']:
        chosen = {os.path.splitext(os.path.basename(given['script']))[0]: Run({}, None)}
    else:
        chosen = runs_named(given['runs'] or 'article')
    given['runs'] = {name: arguments_of(run) + given['settings'].split() for name, run in chosen.items()}
    given['script'] = given['script'] and os.path.abspath(given['script'])
    return given


Described = collections.namedtuple('Described', 'hyperparameters source script')


def described(given, arguments):
    """What the log of a trial with these arguments is to tell, for a script of one's own of the arguments alone."""
    if not given['script']:
        prepared = prepare(arguments)
        return Described(json.loads(json.dumps(prepared['settings'])), prepared['dataset'].source, None)
    with open(given['script'], 'rb') as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    return Described(dict(argument.partition('=')[::2] for argument in arguments), None, '%s, sha256 %s' % (
        os.path.basename(given['script']), digest))


def missing_trials(given, wanted):
    """(name, seed) of every trial that is not finished, seed by seed, so that all runs get on alike.

    Raises SettingError where a finished one has other settings than are wanted: {name: as described()}.
    """
    from run.hyperparameters import FIRST_RUN
    usual = json.loads(json.dumps(FIRST_RUN))              # what the log of an earlier version may leave out
    missing = []
    for name, run in wanted.items():
        path = log_path(given, name)
        finished = {log.seed: log for log in logs.read_logs(path)} if os.path.exists(path) else {}
        for seed in range(given['trials']):
            if seed not in finished:
                missing.append((name, seed))
                continue
            log = finished[seed]
            there = {**({} if run.script else usual), **(log.hyperparameters or {}), 'script': log.script}
            asked = {**run.hyperparameters, 'seed': seed, 'script': run.script}
            if run.source:
                there['data'], asked['data'] = log.source, run.source
            differ = ['%s = %r, not %r' % (key, there.get(key), asked.get(key)) for key in {**asked, **there}
                      if there.get(key) != asked.get(key) and (run.script or key in [*usual, 'script'])]
            if differ:
                raise SettingError('%s: is of other settings: %s; remove it, or give another results=FOLDER' % (
                    path, ', '.join(differ)))
            if given['keep'] and not log.diverged and not os.path.exists(net_path(given, name, seed)):
                missing.append((name, seed))
    return sorted(missing, key=lambda trial: trial[1])


def log_path(given, name):
    """Of the file that has the logs of all trials of a run."""
    return os.path.join(given['results'], 'logs', name, 'trials.log.gz')


def net_path(given, name, seed):
    return os.path.join(given['results'], 'nets', name, 'seed-%d.npz' % seed)


def write_trial(given, run, name, seed, result):
    """Puts a trial's log, and its net, into the results' folder: (a line on it, has it failed?)."""
    text, net, failure = result
    if failure:
        return failure, True
    text += '# hyperparameters: %s\n' % json.dumps(dict(run.hyperparameters, seed=seed))
    text += '# changed: %s\n' % ' '.join(given['settings'].split()) if given['settings'] else ''        # on one line
    text += '# script: %s\n' % run.script if run.script else ''
    try:
        log = logs.parse(text, 'its log')[0]
    except logs.LogError as error:
        return str(error), True
    path = log_path(given, name)
    texts = logs.read_packed(path) if os.path.exists(path) else {}
    packed = logs.pack_logs({**texts, seed: text})
    for path, content in ((net_path(given, name, seed), net), (path, packed)):
        if content:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_whole(path, content)
    return 'diverged: ' + log.diverged if log.diverged else 'test error %s %%' % log.test[4], False


def main(arguments):
    given = given_settings(arguments)
    if not importlib.util.find_spec('distributed'):
        raise SettingError('Dask is not installed: make extras')
    wanted = {name: described(given, of_run) for name, of_run in given['runs'].items()}
    try:
        os.makedirs(given['results'], exist_ok=True)
    except OSError as error:
        raise SettingError('results = %s: cannot be made: %s' % (given['results'], error.strerror))
    lock = locks.lock(os.path.join(given['results'], 'trials'))
    try:
        missing, failed = missing_trials(given, wanted), 0
        if missing:
            share = given['threads'] or max(1, cores() // given['workers'])
            trials = {(name, seed): (ROOT, name, given['script'], given['runs'][name], seed, share, bool(given['keep']))
                      for name, seed in missing}
            with connected(given['scheduler'], given['workers']) as client:
                failed = run_all(client, trials, lambda name, seed, result: write_trial(
                    given, wanted[name], name, seed, result), len(wanted) * given['trials'] - len(missing))
        if failed < len(wanted) * given['trials']:
            summary.write(given['results'])
        if failed:
            script.stop('%d of %d trials failed; the same command tries again' % (failed, len(missing)), 1)
    finally:
        locks.unlock(lock)


if __name__ == '__main__':
    with script.ending('; the same command resumes'):
        signal.signal(signal.SIGTERM, lambda *_: script.stop('stopped by SIGTERM; the same command resumes', 143))
        os.environ.setdefault('DASK_LOGGING__DISTRIBUTED', 'error')
        main(sys.argv[1:])

"""Printed error logs, and the article's own printed lines, read strictly and put into groups of runs.

    logs.read_logs('seed-0.log.gz')         a list of Log: a file holds one, or several, one after the other
    logs.groups(['logs/conv16-ds2', 'A.log'])       a list of Group(name, logs)
"""
import collections
import glob
import gzip
import json
import math
import os
import re
import zlib

import numpy as np

LARGEST = 2**24                                     # bytes in a log, unpacked

Log = collections.namedtuple('Log', 'name run seed source header NL NV NT rows test settings wall_seconds machine versions '
                             'diverged changed', defaults=(None, None, None, None))
Group = collections.namedtuple('Group', 'name logs')


class LogError(Exception):
    """A log that is not there or not right: one line that names the file, the line and what is wrong."""


# ---- reading a log

UNITS = {'d': 86400, 'h': 3600, 'min': 60, 's': 1, 'ms': 1e-3, 'us': 1e-6, 'µs': 1e-6, 'ns': 1e-9}
FLOAT = r'\d+(?:\.\d+|(?=e))(?:e[+-]\d+)?'         # as Python prints it: 1 alone is a line cut short
RESULT = re.compile(r'(\d+) (-?{0}) ({0}) ({0})(?: ({0}))?$'.format(FLOAT))
TITLE = re.compile(r'### (?!training:)')
NET = re.compile(r'# (Xdim|D): ')                   # the article leaves the title out at times
HEADER = re.compile(r'# \w+: ')                      # whatever log_header of a net of your own prints
TRAINING = re.compile(r'### training: NL = ([1-9]\d*) NV = ([1-9]\d*) K = \d+ batchsize = \d+$')
TESTING = re.compile(r'# NT = ([1-9]\d*)$')
OURS = re.compile(r'# (data|seed|run|settings|versions|machine|threads|diverged|changed): (.*)')
END = re.compile(r'In \[|CPU times: |Wall time: |stopped by Ctrl-C|the cost is ')     # of IPython, or on stderr
OMITTED = '', '中略'                                 # where the article leaves lines out


def seconds(text):
    """'1h 59min 21s', or '1 wall time: 39.7 s', in seconds."""
    time = text.rpartition('time: ')[2]
    if not re.fullmatch(r'([\d.]+ ?(%s)\s*)+' % '|'.join(UNITS), time):
        raise ValueError('not a time')
    return sum(float(value) * UNITS[unit] for value, unit in re.findall(r'([\d.]+) ?([a-zµ]+)', time))


def dictionary(text):
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError('not a dictionary')
    return value


# Lines of ours: their name in Log, and how they are read.
FIELDS = {'data': ('source', str), 'seed': ('seed', lambda text: int(text.partition(' ')[0])), 'run': ('run', str),
          'settings': ('settings', dictionary), 'threads': ('wall_seconds', seconds)}


def read_text(path):
    try:
        with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file:
            body = file.read(LARGEST + 1)
        text = body.decode('utf-8-sig')
    except UnicodeDecodeError:
        raise LogError('%s: not a log: not UTF-8 text' % path)
    except (OSError, EOFError, zlib.error) as error:
        raise LogError('%s: %s' % (path, getattr(error, 'strerror', None) or error))
    if len(body) > LARGEST or not text.strip():
        raise LogError('%s: not a log: %s' % (path, 'longer than %d bytes' % LARGEST if body.strip() else 'empty'))
    return text


def read_logs(path):
    """The logs in a file, plain or .gz, as a list of Log. What a log does not give is None.

    name: the path; header: the lines that tell the net; source: what '# data:' says; rows: {epoch: (cost, training
    error, validation error)}; test: (epoch, test cost, the errors in training, validation and test), None where the
    run was stopped or diverged; diverged: where it did; changed: what trials.py was given as settings; settings: a
    dictionary of all. Errors in %. Between a log's first line and its last result a line of any other kind is an error;
    elsewhere it is passed over. Raises LogError naming file and line.
    """
    path = str(path)
    logs, head, inside, previous = [], {}, False, ''
    for number, line in enumerate(read_text(path).split('\n'), 1):
        line = line.strip()
        log = logs[-1] if logs else head            # what a line of ours belongs to
        result, ours = RESULT.match(line), OURS.match(line)
        try:
            if TITLE.match(line) or NET.match(line) and not TITLE.match(previous):
                logs.append({**dict.fromkeys(Log._fields), 'name': path, 'header': [line], 'rows': {}, **head})
                head, inside = {}, True
            elif ours:
                inside = False
                name, read = FIELDS.get(ours[1], (ours[1], str))
                (head if ours[1] in ('data', 'seed') else log)[name] = read(ours[2])
            elif inside and result:
                add_result(log, *result.groups())
                inside = log['test'] is None
            elif inside and TRAINING.match(line):
                log['NL'], log['NV'] = map(int, TRAINING.match(line).groups())
            elif inside and TESTING.match(line):
                log['NT'] = int(TESTING.match(line)[1])
            elif inside and HEADER.match(line) and log['NL'] is None and not log['rows']:
                log['header'].append(line)
            elif END.match(line):
                inside = False
                if line.startswith('Wall time: '):
                    log['wall_seconds'] = seconds(line)
            elif result or inside and line not in OMITTED:
                raise ValueError(
                    'neither a result nor a comment of this log' if inside else 'a result outside of a log')
        except (ValueError, RecursionError) as error:
            raise LogError('%s, line %d: %.80r: %s' % (path, number, line, error))
        previous = line or previous
    if not logs or not all(log['rows'] or log['test'] for log in logs):
        raise LogError('%s: not a log: no result below %s' % (path, 'a ### or # Xdim: line' if not logs else next(
            log['header'][0] for log in logs if not log['rows'] and not log['test'])))
    return [Log(**{name: log[name] for name in Log._fields}) for log in logs]


def add_result(log, epoch, cost, train, valid, test):
    """Puts a result line's columns into a log; ValueError where they cannot follow those before."""
    epoch, cost, errors = int(epoch), float(cost), [float(error) for error in (train, valid, test) if error]
    last = max(log['rows'], default=-1)
    if max(errors) > 100 or not math.isfinite(cost):
        raise ValueError('errors must be 0 to 100 %, the cost a finite number')
    if epoch < last or epoch == last and not test:
        raise ValueError('comes after epoch %d' % last)
    if not test:
        log['rows'][epoch] = (cost, *errors)
        return
    if epoch == last and log['rows'][epoch][1:] != tuple(errors[:2]):
        raise ValueError('the errors in training and validation are not those of the line for epoch %d' % epoch)
    if log['NT'] is None and log['source'] not in (None, 'MNIST'):
        raise ValueError('no line # NT = above it')
    wrong = errors[2] / 100 * (log['NT'] or 10000)
    if abs(wrong - round(wrong)) > 1e-6:
        raise ValueError('%s %% of NT = %d is not a whole number of errors' % (test, log['NT'] or 10000))
    log['test'] = (epoch, cost, *errors)


# ---- groups of logs

def groups(paths):
    """A list of Group(name, logs): of each file, each folder of logs, each folder in a folder without.

    A group is named by its run, else by the end of its path, as much of it as tells it from the others.
    Raises LogError, also where the logs of a group differ in more than the seed.
    """
    found = [(path, files) for argument in paths for path, files in files_of(argument)]
    places = [os.path.abspath(path) for path, _ in found]
    for (path, _), place in zip(found, places):
        if places.count(place) > 1:
            raise LogError('%s: given twice' % path)
    lists = [[log for file in files for log in read_logs(file)] for _, files in found]
    for (path, _), logs in zip(found, lists):
        check_alike(path, logs)
    names = [next((log.run for log in logs if log.run), None) for logs in lists]
    parts = [re.sub(r'\.log$', '', re.sub(r'\.gz$', '', place)).split(os.sep) for place in places]
    for depth in range(1, max(map(len, parts)) + 1):
        names = [os.sep.join(part[-depth:]) if name is None or names.count(name) > 1 else name
                 for name, part in zip(names, parts)]
    return [Group(path if names.count(name) > 1 else name, logs) for name, (path, _), logs in zip(names, found, lists)]


def files_of(path):
    """[(path, its log files)] of a file or folder of logs; of each folder in it, for a folder without."""
    if not os.path.isdir(path):
        return [(path, [path])]
    inner = sorted(folder for folder in glob.glob(os.path.join(glob.escape(path), '*')) if os.path.isdir(folder))
    found = [(folder, sorted(glob.glob(os.path.join(glob.escape(folder), '*.log'))
                             + glob.glob(os.path.join(glob.escape(folder), '*.log.gz')))) for folder in [path] + inner]
    found = [item for item in (found[:1] if found[0][1] else found) if item[1]]
    if not found:
        raise LogError('%s: neither this folder nor a folder in it has a *.log or *.log.gz' % path)
    return found


def check_alike(path, logs):
    """LogError where the logs of a group differ in more than the seed, and in what all of them give."""
    facts = [{**(log.settings or {}), 'seed': None, 'net': ' '.join(line for line in log.header if line[1] == ' '),
              'run': log.run, 'data': log.source, 'NT': log.NT, 'nepoch': log.test and log.test[0]} for log in logs]
    for name in sorted({name for fact in facts for name in fact}):
        values = {str(fact[name]) for fact in facts if fact.get(name) is not None}
        if len(values) > 1:
            raise LogError('%s: its logs differ in %s (%s): must differ by seed only' % (
                path, name, '; '.join(sorted(values)[:2])))


def tested(group):
    return sorted((log for log in group.logs if log.test), key=lambda log: -1 if log.seed is None else log.seed)


def source_of(group):
    return next((log.source for log in group.logs if log.source), 'MNIST')


def NT_of(group):
    return next((log.NT for log in group.logs if log.NT), 10000)


def seeds_of(logs):
    """The seeds, if all are known and no two are the same; else None."""
    seeds = [log.seed for log in logs]
    return seeds if None not in seeds and len(set(seeds)) == len(seeds) else None


def by_epoch(group):
    """{epoch: (training errors, validation errors)}, in % and by epoch, of those of its logs that have the epoch."""
    errors = collections.defaultdict(lambda: ([], []))
    for log in group.logs:
        points = {epoch: row[1:] for epoch, row in log.rows.items()}
        if log.test:
            points[log.test[0]] = log.test[2:4]
        for epoch, point in points.items():
            for values, error in zip(errors[epoch], point):
                values.append(error)
    return dict(sorted(errors.items()))


def deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else 0.

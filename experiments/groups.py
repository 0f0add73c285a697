"""Logs put into groups of runs that differ by seed, and what groups differ in.

    groups.groups_of(['logs/conv16-ds2', 'A.log'])          a list of Group(name, logs)
"""
import collections
import glob
import os
import re

import numpy as np

from logs import LogError, literal, read_logs

Group = collections.namedtuple('Group', 'name logs')


def groups_of(paths):
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


# Not of the net or its training, or told by other lines.
BESIDE = 'seed', 'data', 'interval', 'checkpoint', 'resume', 'change', 'save'


def facts_of(log):
    """{name: value} of what a log tells of its net and its training; the seed is none of them."""
    title = [line for line in log.header if line.startswith('###')]
    facts = {'run': log.run, 'data': log.source, 'NT': log.NT, 'net': ''.join(title), 'NL': log.NL,
             'batchsize': log.batchsize, 'nepoch': log.test and log.test[0]}
    for n, line in enumerate(log.header[len(title):], 1):
        words = re.findall(r'(\w+): (\(.*?\)|\S+)', line)
        facts.update([(name, literal(value)) for name, value in words] or [('line %d of the net' % n, line)])
    if 'Xdim' in facts:                                 # units of a conv layer follow from its other sizes
        facts = {name: value for name, value in facts.items() if name not in ('H', 'H1')}
    settings = {**(log.hyperparameters or {}), **(log.settings or {})}
    facts.update((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items()
                 if name not in BESIDE)
    return {name: value for name, value in facts.items() if value not in (None, '')}


def check_alike(path, logs):
    """LogError where the logs of a group differ in more than the seed, and in what all of them give."""
    for log in logs[1:]:
        for name, values in differences(logs[0], log):
            raise LogError('%s: its logs differ in %s (%s): must differ by seed only' % (path, name, '; '.join(values)))


def differences(first, other):
    """[(name, its two values as text)] of all that two logs are known to differ in, by name.

    What a line '# settings:' leaves out is as in the article's first run, whatever that is.
    """
    logs, found = (first, other), []
    facts = [facts_of(log) for log in logs]
    if all('hidden' in fact for fact in facts):
        facts = [{**fact, 'net': None} for fact in facts]
    for name in sorted({*facts[0], *facts[1]}):
        values = [fact.get(name) for fact in facts]
        known = None not in values or all(log.settings is not None for log in logs) and any(
            name in log.settings for log in logs)
        if known and values[0] != values[1]:
            found.append((name, ['the article\'s' if value is None else str(value) for value in values]))
    return found


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
    """{epoch: (costs, training errors, validation errors)} by epoch, errors in %, of those of its logs that have it."""
    found = collections.defaultdict(lambda: ([], [], []))
    for log in group.logs:
        points = dict(log.rows)
        if log.test and log.test[0] not in points:          # its cost is that of the test examples
            points[log.test[0]] = (None, *log.test[2:4])
        for epoch, point in points.items():
            for values, value in zip(found[epoch], point):
                values += [] if value is None else [value]
    return dict(sorted(found.items()))


def deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else 0.

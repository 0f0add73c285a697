"""Printed error logs, and the article's own printed lines, read strictly.

    logs.read_logs('trials.log.gz')         a list of Log: a file holds one, or several, one after the other
"""
import ast
import collections
import gzip
import json
import math
import re
import shlex
import zlib

LARGEST = 2**24                                     # bytes in a log, unpacked

Log = collections.namedtuple('Log', 'name run seed source header NL NV NT batchsize rows test settings hyperparameters '
                             'wall_seconds machine versions diverged changed script', defaults=(None,) * 19)


class LogError(Exception):
    """A log that is not there or not right: one line that names the file, the line and what is wrong."""
    status = 2


# ---- reading a log

UNITS = {'d': 86400, 'h': 3600, 'min': 60, 's': 1, 'ms': 1e-3, 'us': 1e-6, 'µs': 1e-6, 'ns': 1e-9}
FLOAT = r'\d+(?:\.\d+|(?=e))(?:e[+-]\d+)?'         # as Python prints it: 1 alone is a line cut short
RESULT = re.compile(r'(\d+) (-?{0}) ({0}) ({0}|nan)(?: ({0}))?$'.format(FLOAT))
TITLE = re.compile(r'### (?!training:)')
NET = re.compile(r'# (Xdim|D): ')                   # the article leaves the title out at times
HEADER = re.compile('# .')                          # a layer's line, or whatever log_header of a net of your own prints
TRAINING = re.compile(r'### training: NL = ([1-9]\d*) NV = (0|[1-9]\d*) K = \d+ batchsize = ([1-9]\d*)$')
TESTING = re.compile(r'# NT = ([1-9]\d*)$')
OURS = re.compile(r'# (data|seed|run|settings|hyperparameters|versions|machine|threads|diverged|changed|script): (.*)')
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


def typed_settings(text):
    """{name: value} of settings as they are typed, 'W1nch=64 "ds1=(4,4)"'; of 'none', {}."""
    found = {}
    for word in shlex.split(text) if text != 'none' else []:
        name, equals, value = word.partition('=')
        if not equals:
            raise ValueError('%.80r: not name=value' % word)
        found[name] = literal(value)
    return found


def literal(text):
    """The value of a Python literal, or else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# Lines of ours: their name in Log, and how they are read. Those in HEAD stand before the log that they are of.
HEAD = 'data', 'seed', 'settings'
FIELDS = {'data': ('source', str), 'seed': ('seed', lambda text: int(text.partition(' ')[0])), 'run': ('run', str),
          'settings': ('settings', typed_settings), 'hyperparameters': ('hyperparameters', dictionary),
          'threads': ('wall_seconds', seconds)}


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


def read_packed(path):
    """{seed: text} of the logs that pack_logs has packed. Raises LogError."""
    texts = {}
    try:
        with open(path, 'rb') as file:
            packed = file.read()
        while packed:
            member = zlib.decompressobj(31)
            text = (member.decompress(packed) + member.flush()).decode()
            if not member.eof:
                raise EOFError('ended before its gzip data did')
            texts[parse(text, path)[0].seed], packed = text, member.unused_data
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise LogError('%s: %s' % (path, getattr(error, 'strerror', None) or error))
    return texts


def pack_logs(texts):
    """The content of a .gz file of logs, {seed: text}, by seed: each is a member of its own."""
    return b''.join(gzip.compress(text.encode(), mtime=0) for _, text in sorted(texts.items()))


def read_logs(path):
    """The logs in a file, plain or .gz, as a list of Log. What a log does not give is None.

    name: the path; header: the lines that tell the net; source: what '# data:' says; rows: {epoch: (cost, training
    error, validation error)}; test: (epoch, test cost, the errors in training, validation and test), None where the
    run was stopped or diverged; a validation error is None where NV is 0; diverged: where it did; changed: what
    trials.py was given as settings; settings: a dictionary of those that the article's first run had otherwise;
    hyperparameters: of all. Errors in %. Between a log's first line and its last result a line of any other kind is
    an error; elsewhere it is passed over. Raises LogError naming file and line.
    """
    return parse(read_text(str(path)), str(path))


def parse(text, path):
    """As read_logs; path: what errors name."""
    logs, head, inside, previous = [], {}, False, ''
    for number, line in enumerate(text.split('\n'), 1):
        line = line.strip()
        log = logs[-1] if logs else head            # what a line of ours belongs to
        result, ours = RESULT.match(line), OURS.match(line)
        try:
            if TITLE.match(line) or NET.match(line) and not TITLE.match(previous):
                logs.append({**dict.fromkeys(Log._fields), 'name': path, 'header': [line], 'rows': {}, **head})
                head, inside = {}, True
            elif ours:
                inside = False
                kind = 'hyperparameters' if ours[2].startswith('{') else ours[1]     # were called settings, once
                name, read = FIELDS.get(kind, (kind, str))
                (head if kind in HEAD else log)[name] = read(ours[2])
            elif inside and result:
                add_result(log, *result.groups())
                inside = log['test'] is None
            elif inside and TRAINING.match(line):
                log['NL'], log['NV'], log['batchsize'] = map(int, TRAINING.match(line).groups())
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
    for log in logs:
        if log['seed'] is None and log['hyperparameters']:
            log['seed'] = log['hyperparameters'].get('seed')
    return [Log(**{name: log[name] for name in Log._fields}) for log in logs]


def add_result(log, epoch, cost, train, valid, test):
    """Puts a result line's columns into a log; ValueError where they cannot follow those before."""
    epoch, cost = int(epoch), float(cost)
    errors = [None if error == 'nan' else float(error) for error in (train, valid, test) if error]
    last = max(log['rows'], default=-1)
    if any(error > 100 for error in errors if error is not None) or not math.isfinite(cost):
        raise ValueError('errors must be 0 to 100 %, the cost a finite number')
    if (valid == 'nan') != (log['NV'] == 0):
        raise ValueError('the validation error is nan where NV = 0, and nowhere else')
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

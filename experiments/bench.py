"""Times a training epoch of this project, of stock Theano and of its peers, interleaved in one run.

    python experiments/bench.py                                  all eight nets, all peers: about an hour
    python experiments/bench.py net=conv16-ds2 peers=stock,torch repeats=3 json=FILE markdown=FILE

`make peers` sets the peers up. For each net, every contender waits in a process of its own with the data in
memory; in each repeat they take turns at the same epoch, same weights, same order, while the others sleep.
"""
import contextlib
import datetime
import difflib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE, os.path.join(HERE, 'peers')]
import mnist  # noqa: E402
from run.settings import stop  # noqa: E402
from machine import cores, machine  # noqa: E402
from protocol import Failed, Worker, hold  # noqa: E402
from runs import ARTICLE  # noqa: E402


# settings, each to be given as name=value
net = 'all'              # nets of the table below, separated by commas
peers = 'all'            # contenders beside this project, separated by commas, or 'none'
repeats = 5              # timed epochs of each contender: their median counts
threads = cores()        # of every contender, which is held to as many cores
part = 500               # minibatches of the epoch that are timed: fewer for a quick look
data = 'auto'            # as in mnist_convnet.py
startup = 0              # 1: time the article's first run, too, as a process with cold and warm caches
json_file = ''           # json=FILE: figures
markdown = ''            # markdown=FILE: the table

NL, batchsize, eta, mu = 50000, 100, 0.05, 0.8
ONE_THREAD = 'project, one thread'
TOLERANCE = 0.1          # relative, of the cost after the epoch: sums in another order drift apart this far at most


def conv(Wnch, ds, afunc='linear'):
    return {'kind': 'conv', 'Wnch': Wnch, 'ds': [ds, ds], 'afunc': afunc}


def full(H, afunc, Wsigma=0.05):
    return {'kind': 'full', 'H': H, 'afunc': afunc, 'Wsigma': Wsigma}


# The article's nets: their hidden layers.
NETS = {
    'conv16-ds2': [conv(16, 2)],
    'conv64-ds2': [conv(64, 2)],
    'conv16-ds4': [conv(16, 4)],
    'conv64-ds4': [conv(64, 4)],
    'conv16-ds4-relu': [conv(16, 4, 'ReLu')],
    'conv16-conv16-ds2': [conv(16, 2), conv(16, 2)],
    'conv16-conv16-ds4': [conv(16, 4), conv(16, 4)],
    'conv16-full400': [conv(16, 4, 'ReLu'), full(400, 'ReLu')],
}

# Contenders: environment, script, and choices, of which each net keeps the fastest by trial.
CONTENDERS = {
    'project': ('.venv', 'theano_peer.py', ['']),
    'stock': ('.venv', 'theano_peer.py', ['stock, OpenMP threads', 'stock, BLAS threads']),
    'torch': ('.venv-torch', 'torch_peer.py', ['contiguous', 'channels_last']),
    'torch-compiled': ('.venv-torch', 'torch_peer.py', [
        'compiled contiguous', 'compiled channels_last', 'compiled autotune contiguous',
        'compiled step contiguous', 'compiled step channels_last']),
    'tensorflow': ('.venv-tensorflow', 'tensorflow_peer.py', [
        'epoch', 'epoch inter-op', 'step', 'step jit_compile', 'step jit_compile reshape']),
    'jax': ('.venv-jax', 'jax_peer.py', [
        'step NHWC', 'step NCHW', 'step NHWC reshape', 'step NHWC reshape patches', 'epoch NHWC reshape patches']),
}


def nearest(name, known):
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return ', did you mean %s?' % near[0] if near else ', known are %s' % ', '.join(known)


def override(settings, arguments):
    """Puts the arguments, name=value, into settings, and checks them; ends with one line and status 2 if wrong."""
    whole = {'repeats': 1000, 'threads': cores(), 'part': NL // batchsize, 'startup': 1}
    names = ['net', 'peers', 'data', 'json', 'markdown'] + list(whole)
    for argument in arguments:
        name, equals, value = argument.partition('=')
        if not equals or name not in names:
            stop('%s: must be name=value%s' % (argument, nearest(name, names)))
        if name in whole:
            least = 0 if name == 'startup' else 1
            if not value.isdigit() or not least <= int(value) <= whole[name]:
                stop('%s = %s: must be a whole number from %d to %d' % (name, value, least, whole[name]))
            value = int(value)
        settings['json_file' if name == 'json' else name] = value
    others = [name for name in CONTENDERS if name != 'project']
    for name, known, none in (('net', list(NETS), []), ('peers', others, ['none'])):
        value = settings[name]
        chosen = known if value == 'all' else [] if value in none else value.split(',')
        for word in chosen:
            if word not in known:
                stop('%s = %s: no such name%s' % (name, word, nearest(word, known + ['all'] + none)))
        settings[name] = [word for word in known if word in chosen]
    for path in (settings['json_file'], settings['markdown']):
        if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            stop('%s: no such folder' % path)


def layers_of(hidden):
    """The net's layers with their sizes, derived from the hidden ones; a softmax layer of 10 classes ends it."""
    layers, dim = [], [1, 28, 28]
    for layer in hidden + [full(10, 'softmax', Wsigma=0.005)]:
        layer = dict(layer)
        if layer['kind'] == 'conv':
            Ydim = [dim[1] - 4, dim[2] - 4]
            layer.update(Xdim=dim[1:], Wshape=[layer['Wnch'], dim[0], 5, 5], Wsigma=0.05, Ydim=Ydim)
            dim = [layer['Wnch'], -(-Ydim[0] // layer['ds'][0]), -(-Ydim[1] // layer['ds'][1])]
        else:
            layer.update(Wshape=[int(np.prod(dim)), layer['H']], maps=dim if len(dim) == 3 else None)
            dim = [layer['H']]
        layers.append(layer)
    return layers


def flops(layers):
    """Dense floating-point operations of a minibatch: (conv forward, conv backward, whole step).

    Forward, gradient for W and gradient for X are counted alike, the last not for the first layer.
    """
    forward = [2 * batchsize * int(np.prod(layer['Wshape'] + layer.get('Ydim', []))) for layer in layers]
    convs = [f for f, layer in zip(forward, layers) if layer['kind'] == 'conv']
    return sum(convs), 2 * sum(convs) - convs[0], 3 * sum(forward) - forward[0]


def python_of(contender):
    venv = CONTENDERS[contender][0]
    return sys.executable if venv == '.venv' else os.path.join(ROOT, venv, 'bin', 'python')


def say(*words):
    print('#', *words, file=sys.stderr, flush=True)


def seconds_per_epoch(worker, minibatches):
    """(seconds of an epoch, cores in use), from a part of it."""
    seconds, cpu, _ = worker.ask('train', 0, minibatches)
    return seconds * NL / batchsize / minibatches, cpu / seconds


def enter(contender, job):
    """The worker with the fastest of a contender's choices, or None if none works; seconds of each choice."""
    best, tried = None, {}
    _, script, choices = CONTENDERS[contender]
    for choice in choices:
        try:
            worker = Worker(python_of(contender), os.path.join(HERE, 'peers', script), dict(job, choice=choice))
            worker.ask('train', 1, min(part, 10))          # compiles, fills caches
            if len(choices) > 1:
                tried[choice] = min(seconds_per_epoch(worker, min(part, 25))[0] for _ in range(4))
        except Failed as failure:
            say('%s left out: %s' % (choice or contender, failure))
            continue
        if best is None or tried[choice] < tried[best.choice]:
            best, worker = worker, best
        if worker is not None:
            worker.end()
    if tried:
        say('%s: %s' % (contender, '; '.join('%s %.2f' % item for item in tried.items())))
    return best, tried


def take_turns(workers, peak):
    """Times every worker in every repeat: seconds, cores in use, costs, conv layers, checkpoints, cores the waiting use.

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
                worker.ask('train', 1, min(part, 10))      # warm again, after its sleep
                worker.ask('reset')
                start, cpu = time.time(), sum(w.cpu() for w in waiting)
                seconds, cores_in_use = seconds_per_epoch(worker, part)
                idle.append((sum(w.cpu() for w in waiting) - cpu) / (time.time() - start))
                times[contender].append(seconds)
                in_use[contender].append(cores_in_use)
                if repeat == 0:
                    costs[contender] = worker.ask('cost')
                if contender == 'project':
                    conv_times.append(np.sum(worker.ask('layers'), axis=0))
                    checkpoints.append(worker.ask('checkpoint'))
            except Failed as failure:
                say('%s left out: %s' % (contender, failure))
                del workers[contender]
        say('repeat %d of %d: %s' % (repeat + 1, repeats, ', '.join('%s %.2f' % (c, times[c][-1]) for c in workers)))
    return times, in_use, costs, conv_times, checkpoints, max(idle)


def run_net(name, contenders, peak, folder):
    """Figures of a net: each contender's seconds an epoch, their spread, costs, arithmetic rates."""
    say('%s' % name)
    layers = layers_of(NETS[name])
    job = {'layers': layers, 'folder': folder, 'eta': eta, 'mu': mu, 'batchsize': batchsize}
    workers, tried = {}, {}
    for contender in contenders:
        kind = contender.partition(', ')[0]
        worker, tried[contender] = enter(kind, dict(job, threads=threads if kind == contender else 1))
        if worker is not None:
            workers[contender] = worker
    times, in_use, costs, conv_times, checkpoints, idle = take_turns(workers, peak)
    for worker in workers.values():
        worker.end()
    if 'project' not in workers:
        stop('%s: this project itself does not run' % name, 1)
    say('cost after the epoch: ' + ', '.join('%s %.4f' % (c, costs[c]) for c in workers))
    wrong = [c for c in workers if not abs(costs[c] / costs['project'] - 1) <= TOLERANCE]
    for contender in wrong:
        say('%s does not learn the same, and does not count' % contender)
    if idle > 0.02:
        say('those waiting used %.2f cores' % idle)
    medians = {c: statistics.median(times[c]) for c in workers if c not in wrong}
    one_thread = medians.pop(ONE_THREAD, None)
    forward, both = np.median(conv_times, axis=0)
    minibatch = forward, both - forward, medians['project'] * batchsize / NL
    return {
        'seconds_per_epoch': medians, 'project_one_thread': one_thread,
        'spread': {c: [min(times[c]), max(times[c])] for c in workers}, 'all': times,
        'checkpoint_share_of_epoch': statistics.median(checkpoints) / medians['project'],
        'cost': costs, 'does_not_learn_the_same': wrong, 'choice': {c: w.choice for c, w in workers.items()},
        'seconds_of_choices': tried, 'versions': {c: w.version for c, w in workers.items()},
        'cores_in_use': {c: statistics.median(in_use[c]) for c in workers}, 'cores_used_by_the_waiting': idle,
        'gflops': {key: 1e-9 * f / s for key, f, s in
                   zip(('conv_forward', 'conv_backward', 'step'), flops(layers), minibatch)},
    }


class Peak:
    """Fused multiply-adds, float32, in GFLOP/s, of one thread and of all: measured again and again, in turns."""

    def __init__(self, folder):
        self.program, self.gflops = os.path.join(folder, 'fma_peak'), {1: [], threads: []}
        compiler = shutil.which('g++') or shutil.which('clang++')
        subprocess.run([compiler, '-O3', '-march=native', '-fopenmp', '-x', 'c++', os.path.join(HERE, 'fma_peak.c'),
                        '-o', self.program], check=True)

    def measure(self):
        for number in 3 * list(self.gflops):
            answer = subprocess.run([self.program, str(number)], stdout=subprocess.PIPE, check=True,
                                    preexec_fn=lambda: hold(number))
            self.gflops[number].append(float(answer.stdout))


def start_up():
    """Seconds of the article's first run, a process: no epoch, from an empty and a warm cache; then whole."""
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        flags = ','.join(filter(None, [os.environ.get('THEANO_FLAGS'), 'base_compiledir=' + folder]))
        for name, arguments in (('empty_cache', ['nepoch=0']), ('warm_cache', ['nepoch=0']), ('whole_run', [])):
            start = time.time()
            subprocess.run([sys.executable, os.path.join(ROOT, 'mnist_convnet.py'), 'data=' + data] + arguments, check=True,
                           env=dict(os.environ, THEANO_FLAGS=flags, OMP_NUM_THREADS=str(threads)),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            seconds[name] = time.time() - start
            say('%s: %.1f s' % (name, seconds[name]))
    return seconds


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else None


def ratios(figures):
    """(fastest peer / project, stock / project, one thread / all threads), None where not measured."""
    seconds = figures['seconds_per_epoch']
    others = [s for c, s in seconds.items() if c not in ('project', 'stock')]
    return [other / seconds['project'] if other else None for other in (
        min(others, default=None), seconds.get('stock'), figures['project_one_thread'])]


def table(result):
    """The figures as Markdown."""
    columns = [c for c in CONTENDERS if any(c in f['seconds_per_epoch'] for f in result['nets'].values())]
    words = ['net', 'article'] + columns + ['fastest peer / project', 'stock / project', 'one thread / %d' % threads,
                                            'conv forward', 'conv backward', 'step']
    lines = [words, ['---'] + ['---:'] * (len(words) - 1)]

    def cell(value, form='%.2f'):
        return form % value if value is not None else ''

    for name, figures in result['nets'].items():
        article = ARTICLE[name].article.wall
        lines.append([name, cell(article and article / 50, '%.1f')]
                     + [cell(figures['seconds_per_epoch'].get(c)) for c in columns] + [cell(r) for r in ratios(figures)]
                     + [cell(100 * g / result['peak_gflops'], '%.0f %%') for g in figures['gflops'].values()])
    means = result['geometric_means']
    lines.append(['geometric mean', ''] + [''] * len(columns) + [cell(m) for m in means.values()] + [''] * 3)
    text = '\n'.join('| %s |' % ' | '.join(line) for line in lines)
    spread = max((high - low) / statistics.median(figures['all'][c]) for figures in result['nets'].values()
                 for c, (low, high) in figures['spread'].items())
    return text + '\n\n' + (
        'Seconds per training epoch of %d images (%s), median of %d (highest less lowest: at most %.0f %% of it); '
        '%d threads, float32, minibatches of %d%s. Last columns: '
        'share of the FMA peak, %.0f GFLOP/s (in the median %.2f times that of one thread), that this project reaches: '
        'all operations of a dense convolution count, '
        'also those that max-pooling makes needless, hence more than 100 %%. '
        'Article: wall time / 50, in 2015, on a 6-core 3.5 GHz Xeon that used one core\'s worth. %s; %s; %s.\n' % (
            NL, result['data'], repeats, 100 * spread, threads, batchsize,
            '' if part * batchsize == NL else ', scaled from the first %d of them' % part,
            result['peak_gflops'], result['peak_one_thread_to_all'],
            result['machine'], ', '.join(result['versions']), result['date'])) + (
        '\nA checkpoint after every epoch takes %s of it.\n' % ', '.join('%.1f %% (%s)' % (
            100 * figures['checkpoint_share_of_epoch'], name) for name, figures in result['nets'].items())) + (
        '' if 'startup_seconds' not in result else
        '\nThe article\'s first run as a process: %(whole_run).1f s from start to last line; with nepoch=0, '
        '%(warm_cache).1f s from a warm cache and %(empty_cache).1f s from an empty one.\n' % result['startup_seconds'])


def main():
    say('load of the machine before the start: %.1f (should be near 0)' % os.getloadavg()[0])
    missing = [c for c in peers if not os.path.exists(python_of(c))]
    if missing:
        say('missing, left out: %s (`make peers` sets them up)' % ', '.join(missing))
    contenders = ['project'] + [ONE_THREAD] * (threads > 1) + [c for c in peers if c not in missing]
    result = {'threads': threads, 'peak_gflops': None, 'nets': {}, 'missing': missing, 'machine': machine(),
              'date': datetime.date.today().isoformat(), 'repeats': repeats, 'minibatches': part}
    with tempfile.TemporaryDirectory() as folder:
        digits = mnist.load(data, NL)
        result['data'] = digits.source
        np.save(os.path.join(folder, 'X.npy'), digits.XL)
        np.save(os.path.join(folder, 't.npy'), digits.tL)
        peak = Peak(folder)
        for name in net:
            result['nets'][name] = run_net(name, contenders, peak, folder)
            result['peak_gflops'] = max(peak.gflops[threads])
            result['peak_one_thread_to_all'] = statistics.median(peak.gflops[threads]) / statistics.median(peak.gflops[1])
            write(result)                                  # after each net: an hour's figures outlive a Ctrl-C
    if startup:
        result['startup_seconds'] = start_up()
        write(result)
    print(table(result))


def write(result):
    """Completes the figures of the nets so far, and writes the files asked for."""
    nets = result['nets'].values()
    result['versions'] = sorted({v for figures in nets for v in figures['versions'].values()})
    result['geometric_means'] = {
        key: geometric_mean([r[n] for r in map(ratios, nets) if r[n]])
        for n, key in enumerate(('fastest_peer_to_project', 'stock_to_project', 'one_thread_to_all'))}
    for path, text in ((json_file, json.dumps(result, indent=1) + '\n'), (markdown, table(result))):
        if path:
            with open(path, 'w') as file:
                file.write(text)


if __name__ == '__main__':
    override(globals(), sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except mnist.DataError as error:
        stop(error)
    except KeyboardInterrupt:
        stop('stopped by Ctrl-C', 130)
    finally:
        for worker in list(Worker.running):
            worker.end()

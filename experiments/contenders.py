"""Who takes part in the bench: where each runs, what it is told of a net, and which of its ways is the fastest here."""
import os
import sys
import time

from paths import HERE, ROOT
import numpy as np

from run.settings import SettingError, nearest
from peers.protocol import Failed, Worker

ONE_THREAD = 'project, one thread'
VARIANTS = ['project, regularised', 'project, distorted']       # what a step costs with them: see theano_peer.py

# Contenders: environment, script, and choices, of which each net keeps the fastest by trial.
CONTENDERS = {
    'project': ('.venv', 'theano_peer.py', ['']),
    **{variant: ('.venv', 'theano_peer.py', [variant.split()[1]]) for variant in VARIANTS},
    'stock': ('.venv', 'theano_peer.py', ['stock, OpenMP threads', 'stock, BLAS threads']),
    'torch': ('.venv-torch', 'torch_peer.py', ['contiguous', 'channels_last']),
    'torch-compiled': ('.venv-torch', 'torch_peer.py', [
        'compiled contiguous', 'compiled channels_last', 'compiled autotune contiguous',
        'compiled step contiguous', 'compiled step channels_last']),
    'torch-example': ('.venv-torch', 'torch_peer.py', ['as in its examples']),
    'tensorflow': ('.venv-tensorflow', 'tensorflow_peer.py', [
        'epoch', 'epoch inter-op', 'step', 'step jit_compile', 'step jit_compile reshape']),
    'jax': ('.venv-jax', 'jax_peer.py', [
        'step NHWC', 'step NCHW', 'step NHWC reshape', 'step NHWC reshape patches', 'epoch NHWC reshape patches']),
}


def chosen_peers(names):
    """The peers of these names, separated by commas; 'all', 'none'. Raises SettingError."""
    peers = [name for name in CONTENDERS if not name.startswith('project')]
    chosen = {'all': peers, 'none': []}.get(names, names.split(','))
    for name in chosen:
        if name not in peers:
            raise SettingError('peers = %s: %s' % (name, nearest(name, peers + ['all', 'none'], 'contender')))
    return [name for name in peers if name in chosen]


def layers_of(net):
    """A net's layers for its peers, with their sizes, as dictionaries: what mnist_convnet.py has built."""
    layers = []
    for layer in net.layers:
        Wshape = list(layer.W.get_value(borrow=True).shape)
        words = {'afunc': layer.afunc, 'Wshape': Wshape, 'bias': layer.b is not None, 'drop': layer.drop,
                 'Wsigma': float(layer.W.get_value(borrow=True).std())}
        if len(Wshape) == 4:
            words.update(kind='conv', Xdim=[layer.Xrow, layer.Xcol], Ydim=[layer.Yrow, layer.Ycol],
                         Zdim=[layer.Zrow, layer.Zcol], ds=list(layer.ds), st=list(layer.st), pad=layer.pad)
        else:
            before = [other.Zshape for other in net.layers[:len(layers)]][-1:]
            words.update(kind='full', maps=list(before[0]) if before and len(before[0]) == 3 else None)
        layers.append(words)
    return layers


def flops(layers, batchsize):
    """Floating-point operations of a minibatch: {'conv_forward', 'conv_backward', 'step', 'step_of_winners'}.

    Forward, gradient for W and gradient for X are counted alike, the last not for the first layer: dense, or, in
    step_of_winners, in the gradients of conv layers only those of one winner for each pooling window.
    """
    forward, winners = ([2 * batchsize * int(np.prod(layer['Wshape'] + layer.get(maps, []))) for layer in layers]
                        for maps in ('Ydim', 'Zdim'))
    convs = [f for f, layer in zip(forward, layers) if layer['kind'] == 'conv']
    return {'conv_forward': sum(convs), 'conv_backward': 2 * sum(convs) - sum(convs[:1]),
            'step': 3 * sum(forward) - forward[0], 'step_of_winners': sum(forward) + 2 * sum(winners) - winners[0]}


def python_of(contender):
    venv = CONTENDERS[contender][0]
    return sys.executable if venv == '.venv' else os.path.join(ROOT, venv, 'bin', 'python')


def say(*words):
    print('#', *words, file=sys.stderr, flush=True)


def seconds_per_epoch(worker, job, minibatches):
    """(seconds of an epoch, cores in use, the minibatches' mean cost), from a part of it."""
    seconds, cpu, cost = worker.ask('train', 0, minibatches)
    return seconds * job['NL'] / job['batchsize'] / minibatches, cpu / seconds, cost


def enter(contender, job, choices=None):
    """The worker with the fastest of a contender's choices, or None if none works; seconds of each choice."""
    best, tried = None, {}
    venv, script, all_choices = CONTENDERS[contender]
    choices, environment = choices or all_choices, {'PYTHONPATH': ROOT} if venv == '.venv' else {}
    if contender.startswith('project') and job.get('flags'):
        environment['THEANO_FLAGS'] = ','.join(filter(None, [os.environ.get('THEANO_FLAGS'), job['flags']]))
    for choice in choices:
        start = time.time()
        try:
            worker = Worker(python_of(contender), os.path.join(HERE, 'peers', script), dict(job, choice=choice),
                            **environment)
            worker.ask('train', 1, min(job['part'], 10))   # compiles, fills caches
            worker.started = time.time() - start
            if len(choices) > 1:
                tried[choice] = min(seconds_per_epoch(worker, job, min(job['part'], 25))[0] for _ in range(4))
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


def job_of(prepared, folder, part, threads):
    """What workers are told of a net that is prepared."""
    settings, NL = prepared['settings'], len(prepared['dataset'].tL)
    mu = settings['mu'][0] if isinstance(settings['mu'], tuple) else settings['mu']           # that of the first epoch
    return {'layers': layers_of(prepared['net']), 'folder': folder, 'NL': NL, 'threads': threads, 'mu': mu,
            'part': min(part, NL // settings['batchsize']),
            **{key: settings[key] for key in ('eta', 'batchsize', 'decay', 'maxnorm')}}

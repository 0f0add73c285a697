"""Where the time of a training step goes: microseconds of each kind of Op, by Theano's profile.

    python experiments/steps.py                                    the article's nets, in a minute or two
    python experiments/steps.py net=frontier steps=400 json=FILE

For each net, with all threads and with one: what Theano calls beside the Ops is `between`.
"""
import datetime
import json
import sys

import paths
from theano_setup import theano
import numpy as np
import theano.tensor as T
from theano.compile.profiling import ProfileStats

from datasets.files import write_whole
from nnet import limit_norms, momentum
from run import script
from run.settings import file_named, integers, parse
from run.threads import set_in_openmp
from theano_setup.environment import compiler
from training import minibatches
from machine import cores, machine, vectors
from runs import arguments_of, prepare, runs_named
import tables

DEFAULTS = {'net': 'article', 'steps': 400, 'data': 'auto', 'json': ''}
RULES = {
    'net': (lambda value: isinstance(value, str), 'names of runs.py or of its groups, separated by commas'),
    'steps': integers(1, 100000),
    'data': (lambda value: isinstance(value, str), 'as in mnist_convnet.py'),
    'json': file_named('.json'),
}
KINDS = {                # kind: beginnings of the names of its Ops; what is not among them is elementwise
    'conv forward': ('ConvPool',), 'dW': ('ConvPoolGradW',), 'dX': ('ConvPoolGradX',),
    'products': ('ParallelDot', 'ParallelGemm'), 'softmax, cost': ('Crossentropy', 'Softmax'),
    'gather': ('ParallelTake', 'AdvancedSubtensor1'), 'elementwise': ('',),
}


def kind_of(op):
    """The kind whose beginning is the longest that the name of an Op has."""
    name = type(op).__name__
    return max((len(start), kind) for kind, starts in KINDS.items() for start in starts if name.startswith(start))[1]


def microseconds(prepared, steps, threads):
    """{kind: microseconds of a step}, with so many threads; a tenth as many steps, before, do not count."""
    settings, net, data = prepared['settings'], prepared['net'], prepared['dataset']
    XL, tL = theano.shared(data.XL.astype(theano.config.floatX)), theano.shared(data.tL.astype('int32'))
    index, X, t = T.ivector(), T.tensor4(), T.ivector()
    cost = net.training_cost(X, t)
    mu = settings['mu'][0] if isinstance(settings['mu'], tuple) else settings['mu']
    eta = theano.shared(np.asarray(1e-4, theano.config.floatX))
    updates = momentum(cost, net.params, eta, mu, settings['decay'])
    if settings['maxnorm']:
        updates = limit_norms(updates, net.params, settings['maxnorm'])
    profile = ProfileStats(atexit_print=False)
    step = theano.function([index], cost, updates=list(updates.items()), givens={X: XL[index], t: tL[index]},
                           profile=profile)
    order = np.random.RandomState(0).permutation(len(data.tL))
    batches = minibatches(order, settings['batchsize'])
    set_in_openmp(threads)

    def seconds_of(steps):
        for n in range(steps):
            step(batches[n % len(batches)])
        found = dict.fromkeys(KINDS, 0.)
        for node, seconds in profile.apply_time.items():
            found[kind_of(node.op)] += seconds
        return dict(found, between=profile.fct_call_time - sum(found.values()))

    before, after = seconds_of(steps // 10), seconds_of(steps)
    return {kind: 1e6 * (after[kind] - before[kind]) / steps for kind in after}


def main(arguments):
    given = parse(__doc__, DEFAULTS, RULES, arguments)
    runs = runs_named(given['net'], 'net')
    result = {'nets': {}, 'steps': given['steps'], 'machine': machine(), 'vectors': vectors(compiler()),
              'date': datetime.date.today().isoformat()}
    for name, run in runs.items():
        prepared = prepare(['data=' + given['data']] + arguments_of(run))
        result['nets'][name] = {str(n): microseconds(prepared, given['steps'], n) for n in sorted({cores(), 1})[::-1]}
    if given['json']:
        write_whole(given['json'], (json.dumps(result, indent=1) + '\n').encode())
    print(tables.steps(result))


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])

"""What a training has changed so far, which of it a resume has to give back, and which lines its log has."""
import re

from theano_setup import theano
import numpy as np


class State:
    """What a training has changed so far: parameters, what its optimiser keeps, its log, the order's rng, where it is.

    means: running means of the parameters, or none; kept: what its layers keep; others: shared variables that are no
    part of it unless somebody changes them, such as a rate that an after_epoch sets; rates: eta and mu in each epoch;
    since: the epoch from which on each is given by what gives it now; epoch, minibatch: so many minibatches of this
    epoch are done; rng_state: of rng before this epoch.
    """

    def __init__(self, variables, rng, log, means=(), kept=(), others=()):
        self.variables, self.means, self.kept, self.others = variables, means, kept, others
        self.rng, self.log = rng, log
        self.rates, self.since = {'eta': [], 'mu': []}, {'eta': 1, 'mu': 1}
        self.begin(0)

    def begin(self, epoch):
        self.epoch, self.minibatch, self.rng_state = epoch, 0, self.rng.get_state()

    def told(self, name, rate, nepoch):
        """The line of the log on a rate, 'eta' or 'mu', that is a function of the epoch."""
        first, last = (self.rates[name] or [rate(1)])[0], max(1, nepoch)
        return '# %s: %s in epoch 1, %s in epoch %d' % (name, first, rate(last), last)

    def keep_means(self):
        """Puts the means, where there are any, in the place of the parameters."""
        for W, mean in zip(self.variables, self.means):
            W.set_value(mean.get_value())


def kept_beside(outputs, known):
    """(kept, others): shared variables in the graphs of the outputs, beside those that are known.

    kept: what a resume has to give back: what dropout starts from, and those with a default_update, such as Theano's
    random numbers, a layer's own running means; others: the rest of them, of arrays.
    """
    kept = []
    while True:                                      # what they are updated from may have some, too
        ends = outputs + [getattr(v, 'default_update', None) for v in kept]
        read = [v for v in theano.gof.graph.inputs([v for v in ends if isinstance(v, theano.Variable)])
                if isinstance(v, theano.compile.SharedVariable) and v not in known]
        new = [v for v in read if v not in kept and (
            getattr(v, 'default_update', None) is not None or getattr(v.tag, 'kept', False))]
        if not new:
            return kept, [v for v in read if v not in kept and isinstance(v.get_value(borrow=True), np.ndarray)]
        kept += new


def is_due(epoch, nepoch, interval):
    """Whether the log has a line after this epoch."""
    return epoch % interval == 0 or epoch == nepoch


def epoch_of(line):
    """The epoch after which a line of the log has the errors; None of other lines, such as an after_epoch's own."""
    row = re.fullmatch(r'(\d+)( [-+.e\d]+| nan){3}( .*)?', line)
    return int(row[1]) if row else None

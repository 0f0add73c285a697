"""The state of a training in a file, from which it is resumed as if it had never been stopped."""
import glob
import hashlib
import json
import os
import sys

from theano_setup import theano
import numpy as np

from datasets.files import FileError, part_of
from run import archive, saved_nets
from run.hyperparameters import CHANGEABLE, FILES, FIRST_RUN
from run.locks import lock, unlock
from run.settings import typed
from run.state import epoch_of, is_due

FORMAT = 4
MAY_CHANGE = 'nepoch', 'interval', 'data'        # at a resume; the data are known by their content
MAY_BE_MISSING = {'batchsize', 'nepoch', 'seed', 'floatX', 'optimiser'}    # in an earlier version's file: not compared


class Checkpoint:
    """A file that keeps the state of a training, for one process at a time: in a with block it is this process's own.

    settings: the hyperparameters that the training depends on, of which those named in change may be others at a
    resume; data: its Data. restore() takes a net and a State to what the file has, if there is one, and save() replaces
    the file.
    changes: a line of text for each resume that changed something, which the log has as well.
    Raises FileError where it is of another training, damaged, used by another process or not to be written.
    """

    def __init__(self, path, settings, data, resume, change=()):
        self.path, self.resume, self.data, self.may_change, self.changes = path, resume, data, change, []
        self.settings = {name: settings[name] for name in sorted(set(settings) - set(FILES))}
        self.differ = []                         # settings that are others than in the file
        self.settings['floatX'] = theano.config.floatX
        self.written = archive.as_read(path, self.settings)
        self.fingerprint = fingerprint(data)

    def __enter__(self):
        self.lock = lock(self.path)
        self.loaded = None
        try:
            for part in glob.glob(glob.escape(part_of(self.path)) + '*.part'):      # of a process that was killed
                os.unlink(part)
            if os.path.exists(self.path):
                if not self.resume:
                    raise FileError('%s: is there already: resume=True resumes from it; remove it to start anew'
                                    % self.path)
                self.loaded = self.load()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        unlock(self.lock)

    def load(self):
        about, arrays = archive.read(self.path, ('checkpoint',), FORMAT)
        if about['format'] < FORMAT:
            raise FileError('%s: was written by an earlier version, %s: remove it to start anew' % (
                self.path, 'which subtracted the mean image' if about['format'] == 3 else
                'whose momentum had another formula'))
        self.compare(about, self.written)
        if about['fingerprint'] != self.fingerprint:
            raise FileError('%s: is of a training on other data' % self.path)
        if about['versions'] != archive.versions():
            print('# %s: written by %s; the figures may differ in the last digits' % (self.path, about['versions']),
                  file=sys.stderr)
        return about, arrays

    def compare(self, about, names):
        """Notes which settings, of these names, are others than in the file; FileError where one of them may not be."""
        earlier = {name: FIRST_RUN.get(name) for name in {*names, *FIRST_RUN} - MAY_BE_MISSING}
        there = {**archive.as_read(self.path, earlier), **about['settings']}
        needs_its_end = there['schedule'] != FIRST_RUN['schedule'] or there['refine']
        may_change = ('interval', 'data') if needs_its_end else MAY_CHANGE
        differ = [name for name in sorted(set(there).intersection(names) - set(may_change))
                  if there[name] != self.written.get(name)]
        refused = ['%s = %r, not %r' % (name, tuple_of(there[name]), self.settings.get(name)) for name in differ
                   if name not in self.may_change]
        if refused:
            raise FileError('%s: is of another training: %s (%s may be named in change=%s)' % (
                self.path, ', '.join(refused), ', '.join(CHANGEABLE),
                '; a schedule or refine needs the same nepoch' * ('nepoch' in differ)))
        if 'batchsize' in differ and about['minibatch']:
            raise FileError('%s: was stopped within epoch %d: batchsize = %d can be changed between epochs only'
                            % (self.path, about['epoch'], there['batchsize']))
        self.differ = differ
        told = [typed(name, self.settings[name]) for name in differ if name in self.settings]
        self.changes = about['changes'] + [' '.join(['epoch %d:' % about['epoch']] + told)] * bool(told)

    def restore(self, net, state, nepoch, interval, rates, settings=()):
        """Takes a state to where the file has it; returns the log so far, as it would be with this nepoch and interval.

        rates: {'eta', 'mu': a function of the epoch}; settings: those that training depends on in any case. Raises
        FileError where it is of another net or training, or of a net that a file could not give back, or where a rate
        is another one for the epochs that are done.
        """
        self.settings = {**dict(settings), **self.settings}
        self.written = archive.as_read(self.path, self.settings)
        self.net = saved_nets.describe(net)
        self.beside = list(dict.fromkeys([*saved_nets.beside_params(net), *state.kept]))
        for variable in self.beside + state.variables:
            if not isinstance(variable.get_value(borrow=True), np.ndarray):
                raise FileError('%s: %.200s cannot be kept: must be numbers, as those of MRG_RandomStreams are' % (
                    self.path, variable))
        self.others = apart(state.others)
        self.at_start = {name: variable.get_value(borrow=True) for name, variable in self.others.items()}
        if self.loaded is None:
            return []
        about, arrays = self.loaded
        self.compare(about, {**self.written, **about['settings']})
        if about['epoch'] + bool(about['minibatch']) > nepoch + 1:
            raise FileError('%s: has %d epochs%s already: nepoch = %d is less' % (
                self.path, about['epoch'] - 1, ' and %d minibatches' % about['minibatch'] * bool(about['minibatch']),
                nepoch))
        values = [arrays[name] for name in names_of(about['params'], about['variables'])]
        types = [type_of(variable.get_value(borrow=True)) for variable in state.variables]
        other = difference(about, json.loads(json.dumps(self.net)))
        if other or list(map(type_of, values)) != types:
            raise FileError('%s: is of another %s' % (self.path, other or 'optimiser'))
        beside = saved_nets.named('B', self.beside)
        if 'params_at' in about and {name: type_of(value) for name, value in beside.items()} != {
                name: type_of(arrays[name]) for name in arrays if name.startswith('B')}:
            raise FileError('%s: is of another net: its layers keep other variables beside their params' % self.path)
        changed = {name: arrays['S%d' % n] for n, name in enumerate(about.get('changed', ()))}
        for name, value in changed.items():
            there = self.others[name].get_value(borrow=True) if name in self.others else None
            if there is None or type_of(there) != type_of(value):
                raise FileError('%s: is of another net or optimiser: has no shared variable %r, %s of shape %s' % (
                    self.path, name, *type_of(value)))
        if 'since' not in about:                     # of a version that kept eta alone
            about.update(rates={'eta': about['rates'], 'mu': []}, since=dict(state.since))
        for name, rate in rates.items():
            was, since = about['rates'][name], about['since'][name]
            others = [epoch for epoch in range(since, len(was) + 1) if was[epoch - 1] != rate(epoch)]
            if others and name not in self.may_change:
                epoch = others[0]
                raise FileError('%s: is of another training: %s = %r in epoch %d, not %r (%s may be named in change=)'
                                % (self.path, name, was[epoch - 1], epoch, rate(epoch), name))
            state.rates[name], state.since[name] = was, about['epoch'] if others else since
            if others and name not in self.differ:
                self.changes.append('epoch %d: %s' % (about['epoch'], typed(name, rate(min(about['epoch'], nepoch)))))
        for value, variable in zip(values, state.variables):
            variable.set_value(value)
        for name, variable in zip(beside, self.beside):
            if name in arrays:                       # none in a file of an earlier version
                variable.set_value(arrays[name])
        for name, value in changed.items():
            self.others[name].set_value(value)
        kind, *rest = about['rng_state']
        state.rng.set_state((kind, arrays['rng_state'], *rest))
        state.begin(about['epoch'])
        state.minibatch = about['minibatch']
        there = [epoch_of(line) for line in about['log']]
        due = [epoch for epoch in range(about['epoch']) if is_due(epoch, nepoch, interval)]
        if not set(due) <= set(there):
            print('# %s: the errors after epochs %s were not computed' % (
                self.path, ', '.join(str(epoch) for epoch in due if epoch not in there)), file=sys.stderr)
        return [line for line, epoch in zip(about['log'], there) if epoch is None or epoch in due]

    def save(self, net, state):
        kind, keys, *rest = state.rng_state
        values = [variable.get_value(borrow=True) for variable in state.variables]
        # A value that is set is another array.
        changed = {name: variable for name, variable in self.others.items()
                   if variable.get_value(borrow=True) is not self.at_start[name]}
        arrays = dict(zip(names_of(len(net.params), len(values)), values), rng_state=keys,
                      **saved_nets.named('B', self.beside), **saved_nets.named('S', changed.values()))
        archive.write(self.path, 'checkpoint', FORMAT, dict(
            self.net, settings=self.written, changes=self.changes, fingerprint=self.fingerprint,
            Xshape=self.data.XL.shape[1:], K=self.data.K, source=self.data.source,
            epoch=state.epoch, minibatch=state.minibatch, log=state.log, params=len(net.params), variables=len(values),
            means=len(state.means), changed=list(changed), rates=state.rates, since=state.since,
            rng_state=[kind] + rest), arrays)


def apart(variables):
    """{name: variable}; of those with the same name, or none, the number of each is in it, too."""
    found = {}
    for variable in variables:
        name = variable.name or 'without a name'
        n = sum(key.split(' #')[0] == name for key in found)
        found['%s #%d' % (name, n + 1) if n else name] = variable
    return found


def type_of(array):
    return str(array.dtype), array.shape


def tuple_of(value):
    """A setting as it was before it was written: JSON has no tuples."""
    return tuple(map(tuple_of, value)) if isinstance(value, list) else value


def difference(there, here):
    """In which way two descriptions are of different nets, in words; '' where they are not."""
    if there['net'] != here['net'] or len(there['layers']) != len(here['layers']):
        return 'net: of class %s, %d layers, not %s, %d layers' % (
            there['net'], len(there['layers']), here['net'], len(here['layers']))
    for n, (a, b) in enumerate(zip(there['layers'], here['layers']), 1):
        if a['class'] != b['class']:
            return 'net: layer %d is a %s, not a %s' % (n, a['class'], b['class'])
        for key in sorted(set(a['arguments']) | set(b['arguments'])):
            values = [words['arguments'].get(key, 'not there') for words in (a, b)]
            if values[0] != values[1]:
                return 'net: layer %d: %s = %r, not %r' % (n, key, *values)
    if there.get('params_at', here['params_at']) != here['params_at']:
        return 'net: other layers share their weights'
    return ''


def names_of(params, variables):
    """Names for the arrays of so many variables, the first of which are parameters and the others an optimiser's."""
    return ['W%d' % n if n < params else 'v%d' % (n - params) for n in range(variables)]


def fingerprint(data):
    """A hash of all examples and labels of a Data."""
    digest = hashlib.sha256()
    for array in (data.XL, data.tL, data.XV, data.tV, data.XT, data.tT):
        array = array if array is not None else np.zeros(0)
        digest.update(('%s %s' % (array.dtype, array.shape)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()

"""What bench.py and its workers say to each other: a line of words in, a line of JSON out.

    reset                      back to the initial weights, velocities 0
    train SEED MINIBATCHES     [seconds, seconds of CPU, mean cost] of the first minibatches in the order of SEED
    race SEED                  [seconds, test error in %] of a whole training, with weights and order of SEED
    cost                       mean cost of all training examples with the weights as they are
"""
import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

PATIENCE = 1800          # seconds without an answer after which a worker is given up


def serve(Contender):
    """Answers bench.py, the first time with the contender's version, until stdin ends.

    Contender(X, t, params, job): images float32 (NL, 1, 28, 28), labels int32 (NL,); the initial weights, a
    list for each layer, [W] or [W, b] (filters flipped, as the project's; b is added after pooling); job: the
    net's layers as dictionaries, and eta, mu, decay, maxnorm, threads, choice. It has version, start(params): other
    initial weights, reset(): back to them, cost(), classes(X): int (N,), and train(order, etas): a step for each row of
    int32 indices, with its own learning rate; returns the mean of the minibatches' costs.
    """
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)                                      # what libraries print is not an answer
    job = json.loads(sys.argv[1])
    X, t = (np.load(os.path.join(job['folder'], name)) for name in ('X.npy', 't.npy'))
    contender = Contender(X, t, initial_params(job['layers'], 0), job)

    def train(seed, minibatches):
        return timed(minibatches_of(seed, 1)[:int(minibatches)], [job['eta']] * int(minibatches))

    def race(seed):
        contender.start(initial_params(job['layers'], int(seed)))
        etas, XT, tT = (np.load(os.path.join(job['folder'], name)) for name in ('etas.npy', 'XT.npy', 'tT.npy'))
        seconds, _, _ = timed(minibatches_of(seed, len(etas) * job['batchsize'] // len(X)), etas)
        return seconds, 100 * float((contender.classes(XT) != tT).mean())

    def minibatches_of(seed, epochs):
        rng = np.random.RandomState(int(seed))
        order = [rng.permutation(len(X))[:len(X) // job['batchsize'] * job['batchsize']] for _ in range(epochs)]
        return np.concatenate(order).astype('int32').reshape(-1, job['batchsize'])

    def timed(order, etas):
        gc.collect()
        start, cpu = time.perf_counter(), time.process_time()
        cost = float(contender.train(order, np.array(etas, 'float32')))
        return time.perf_counter() - start, time.process_time() - cpu, cost

    answer = contender.version
    while True:
        print(json.dumps(answer), file=answers, flush=True)
        command, *arguments = sys.stdin.readline().split() or ['end']
        if command == 'end':
            break
        answer = ({'train': train, 'race': race}.get(command) or getattr(contender, command))(*arguments)


def initial_params(layers, seed):
    """The weights before training, of each layer: [W] or [W, b]."""
    rng = np.random.RandomState(seed)
    return [[rng.normal(0, layer['Wsigma'], layer['Wshape']).astype('float32')] +
            [np.zeros(layer['Wshape'][0 if layer['kind'] == 'conv' else 1], 'float32')] * layer['bias']
            for layer in layers]


class Failed(Exception):
    """A worker died or hangs: how, and its last words."""


class Worker:
    """A process that serves a contender, as bench.py sees it; script and job as in serve()."""

    running = []

    def __init__(self, python, script, job, **environment):
        self.choice, threads, self.stderr = job['choice'], job['threads'], tempfile.TemporaryFile('w+')
        blas = threads if 'BLAS' in self.choice else 1
        env = dict(os.environ, OMP_NUM_THREADS=str(threads // blas), OPENBLAS_NUM_THREADS=str(blas),
                   TORCHINDUCTOR_COMPILE_THREADS='1', TF_CPP_MIN_LOG_LEVEL='2', PYTHONDONTWRITEBYTECODE='1',
                   **environment)
        self.process = subprocess.Popen(
            [python, script, json.dumps(job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
            env=env, universal_newlines=True, start_new_session=True, preexec_fn=lambda: hold(threads))
        Worker.running.append(self)
        self.version = self.answer()

    def ask(self, *words):
        with contextlib.suppress(BrokenPipeError):         # it has died: answer() says so
            print(*words, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self):
        ready = select.select([self.process.stdout], [], [], PATIENCE)[0]
        line = self.process.stdout.readline() if ready else ''
        if line:
            return json.loads(line)
        self.end()
        self.stderr.seek(0)
        last = [line.strip() for line in self.stderr.read()[-2000:].split('\n') if line.strip()][-2:]
        how = 'died' if ready else 'no answer after %d s' % PATIENCE
        raise Failed('%s: %s' % (how, ' / '.join(last) or 'no words'))

    def cpu(self):
        """Seconds of CPU it has used so far, where the system tells; else 0."""
        try:
            with open('/proc/%d/stat' % self.process.pid) as file:
                return sum(map(int, file.read().rpartition(')')[2].split()[11:13])) / os.sysconf('SC_CLK_TCK')
        except OSError:
            return 0.

    def end(self):
        if self in Worker.running:
            Worker.running.remove(self)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def hold(threads):
    """Holds this process to as many cores as it has threads: a library that asks for more gets no more."""
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def unflipped(layers, params):
    """The weights for a library whose convolution does not flip the filters."""
    return [[np.ascontiguousarray(P[0][:, :, ::-1, ::-1])] + P[1:] if layer['kind'] == 'conv' else P
            for layer, P in zip(layers, params)]


def border(Ydim, ds, st):
    """Rows and columns by which the last pooling windows hang over."""
    return [max(0, -(-(Y - d) // s)) * s + d - Y if s <= d else -Y % s for Y, d, s in zip(Ydim, ds, st)]


def rows_channels_last(layers, params):
    """The weights with rows of W in the order of feature maps (Zrow, Zcol, Wnch) before a full layer."""
    return [[P[0].reshape(layer['maps'] + [-1]).transpose(1, 2, 0, 3).reshape(P[0].shape)] + P[1:]
            if layer.get('maps') else P for layer, P in zip(layers, params)]

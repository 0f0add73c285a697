"""TensorFlow as a contender.

Choice: a tf.function of a 'step', or of all steps of the 'epoch'; 'inter-op' runs operations beside each other;
'jit_compile' compiles by XLA; 'reshape' pools by reshaping and reduce_max. Feature maps have channels last.
"""
import numpy as np
import tensorflow as tf

import protocol

AFUNC = {'linear': lambda Z: Z, 'ReLu': tf.nn.relu, 'tanh': tf.tanh, 'softmax': lambda Z: Z}          # part of the cost


class TensorFlow:
    version = 'tensorflow ' + tf.__version__

    def __init__(self, X, t, params, job):
        self.words = job['choice'].split()
        tf.config.threading.set_intra_op_parallelism_threads(job['threads'])
        tf.config.threading.set_inter_op_parallelism_threads(job['threads'] if 'inter-op' in self.words else 1)
        self.layers, self.mu = job['layers'], job['mu']
        self.decay, self.maxnorm = job['decay'], job['maxnorm']
        self.initial = self.converted(params)
        self.X, self.t = tf.constant(X.transpose(0, 2, 3, 1)), tf.constant(t)
        self.params = [[tf.Variable(p) for p in P] for P in self.initial]
        self.velocities = [tf.Variable(tf.zeros_like(p)) for P in self.params for p in P]

        def compiled(function, etas, *shape):
            signature = [tf.TensorSpec(shape, tf.int32), tf.TensorSpec(etas, tf.float32)]
            return tf.function(function, signature, jit_compile='jit_compile' in self.words)

        self.compiled_step = compiled(self.step, (), job['batchsize'])
        self.compiled_epoch = compiled(self.epoch, (None,), None, job['batchsize'])
        self.compiled_scores = tf.function(lambda X: self.scores(X, training=False))
        self.compiled_loss = tf.function(lambda X, t: self.loss(X, t, training=False))

    def converted(self, params):
        params = protocol.rows_channels_last(self.layers, protocol.unflipped(self.layers, params))
        return [[p.transpose(2, 3, 1, 0) if p.ndim == 4 else p for p in P] for P in params]

    def start(self, params):
        self.initial = self.converted(params)
        self.reset()

    def reset(self):
        for W, initial, v in zip(tf.nest.flatten(self.params), tf.nest.flatten(self.initial), self.velocities):
            W.assign(initial)
            v.assign(tf.zeros_like(v))

    def pool(self, Y, ds, st):
        if st == ds and 'reshape' not in self.words:
            return tf.nn.max_pool2d(Y, ds, ds, 'SAME')
        (row, col, channels), (ds0, ds1) = Y.shape[1:], ds
        below, right = protocol.border((row, col), ds, st)
        Y = tf.pad(Y, [(0, 0), (0, below), (0, right), (0, 0)], constant_values=float('-inf'))
        if st != ds:
            return tf.nn.max_pool2d(Y, ds, st, 'VALID')
        return tf.reduce_max(tf.reshape(Y, (-1, -(-row // ds0), ds0, -(-col // ds1), ds1, channels)), (2, 4))

    def scores(self, X, training):
        Z = X
        for layer, P in zip(self.layers, self.params):
            if layer['kind'] == 'conv':
                pad = [[0, 0], [layer['pad']] * 2, [layer['pad']] * 2, [0, 0]]
                Z = self.pool(tf.nn.conv2d(Z, P[0], 1, pad), layer['ds'], layer['st'])
            else:
                Z = tf.matmul(tf.reshape(Z, (-1, layer['Wshape'][0])), P[0])
            Z = AFUNC[layer['afunc']](Z + P[1] if layer['bias'] else Z)
            Z = tf.nn.dropout(Z, layer['drop']) if training and layer['drop'] else Z
        return Z

    def loss(self, X, t, training=True):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(t, self.scores(X, training)))

    def step(self, index, eta):
        with tf.GradientTape() as tape:
            cost = self.loss(tf.gather(self.X, index), tf.gather(self.t, index))
        params = tf.nest.flatten(self.params)
        for W, v, g in zip(params, self.velocities, tape.gradient(cost, params)):
            g = g + self.decay * W if self.decay and len(W.shape) > 1 else g
            W.assign_add(v.assign(self.mu * v - eta * g))
            if self.maxnorm and len(W.shape) > 1:          # of each filter, of each column
                W.assign(tf.clip_by_norm(W, self.maxnorm, axes=range(len(W.shape) - 1)))
        return cost

    def epoch(self, order, etas):
        total = tf.constant(0.)
        for n in tf.range(len(etas)):                      # a loop of the graph, not of Python
            total += self.step(order[n], etas[n])
        return total

    def train(self, order, etas):
        if 'epoch' in self.words:
            return self.compiled_epoch(order, etas) / len(order)
        return sum([self.compiled_step(*step) for step in zip(tf.constant(order), tf.constant(etas))]) / len(order)

    def classes(self, X):
        X = X.transpose(0, 2, 3, 1)
        return np.concatenate([np.argmax(self.compiled_scores(part), 1)
                               for part in np.split(X, range(1000, len(X), 1000))])

    def cost(self):
        starts = range(0, len(self.X), 1000)
        return sum(float(self.compiled_loss(self.X[n:n + 1000], self.t[n:n + 1000])) for n in starts) / len(starts)


if __name__ == '__main__':
    protocol.serve(TensorFlow)

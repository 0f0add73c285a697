"""JAX as a contender.

Choice: a jitted 'step', or all steps of the 'epoch' jitted; feature maps 'NHWC' or 'NCHW'; 'reshape' pools by
reshaping and max rather than reduce_window; 'patches' (NHWC) convolves by slices and a matrix product.
"""
import jax
import jax.numpy as jnp
import numpy as np

import protocol

AFUNC = {'linear': lambda Z: Z, 'ReLu': jax.nn.relu, 'tanh': jnp.tanh, 'softmax': lambda Z: Z}   # part of the cost


class Jax:
    version = 'jax ' + jax.__version__

    def __init__(self, X, t, params, job):
        self.layers, self.words, self.mu = job['layers'], job['choice'].split(), job['mu']
        self.decay, self.maxnorm = job['decay'], job['maxnorm']
        self.form, self.row = (('NHWC', 'HWIO', 'NHWC'), 1) if 'NHWC' in self.words else (('NCHW', 'OIHW', 'NCHW'), 2)
        X = self.in_form(X)
        self.X, self.t, self.steps = jnp.array(X), jnp.array(t), len(X) // job['batchsize']
        self.jit_step = jax.jit(self.step, donate_argnums=0)
        self.jit_epoch = jax.jit(self.epoch, donate_argnums=0)
        self.jit_loss = jax.jit(self.loss)
        self.jit_scores = jax.jit(self.scores)
        self.start(params)

    def in_form(self, X):
        return X.transpose(0, 2, 3, 1) if self.row == 1 else X

    def start(self, params):
        self.initial = protocol.unflipped(self.layers, params)
        if self.row == 1:
            self.initial = [[p.transpose(2, 3, 1, 0) if p.ndim == 4 else p for p in P]
                            for P in protocol.rows_channels_last(self.layers, self.initial)]
        self.reset()

    def reset(self):
        params = jax.tree.map(jnp.array, self.initial)
        self.state = params, jax.tree.map(jnp.zeros_like, params), jax.random.key(0)

    def conv(self, X, W, pad):
        if 'patches' not in self.words:
            return jax.lax.conv_general_dilated(X, W, (1, 1), [(pad, pad)] * 2, dimension_numbers=self.form)
        X = jnp.pad(X, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
        Wrow, Wcol, Xnch, Wnch = W.shape
        Yrow, Ycol = X.shape[1] - Wrow + 1, X.shape[2] - Wcol + 1
        patches = jnp.concatenate([X[:, r:r + Yrow, c:c + Ycol] for r in range(Wrow) for c in range(Wcol)], 3)
        return (patches.reshape(-1, Wrow * Wcol * Xnch) @ W.reshape(-1, Wnch)).reshape(-1, Yrow, Ycol, Wnch)

    def pool(self, Y, ds, st):
        before, after = Y.shape[:self.row], Y.shape[self.row + 2:]
        border = [(0, more) for more in protocol.border(Y.shape[self.row:self.row + 2], ds, st)]
        border = [(0, 0)] * self.row + border + [(0, 0)] * len(after)
        if st != ds or 'reshape' not in self.words:
            window, strides = ((1,) * self.row + tuple(size) + (1,) * len(after) for size in (ds, st))
            return jax.lax.reduce_window(Y, -jnp.inf, jax.lax.max, window, strides, border)
        row, col = (-(-Y.shape[self.row + n] // ds[n]) for n in (0, 1))
        Y = jnp.pad(Y, border, constant_values=-jnp.inf)
        return Y.reshape(before + (row, ds[0], col, ds[1]) + after).max((self.row + 1, self.row + 3))

    def scores(self, params, X, key=None):
        Z = X
        for layer, P in zip(self.layers, params):
            if layer['kind'] == 'conv':
                Z = self.pool(self.conv(Z, P[0], layer['pad']), layer['ds'], layer['st'])
                if layer['bias']:
                    Z = Z + (P[1] if self.row == 1 else P[1][:, None, None])
            else:
                Z = Z.reshape(len(Z), -1) @ P[0] + P[1]
            Z = AFUNC[layer['afunc']](Z)
            if key is not None and layer['drop']:
                key, here = jax.random.split(key)
                Z = jnp.where(jax.random.bernoulli(here, 1 - layer['drop'], Z.shape), Z / (1 - layer['drop']), 0)
        return Z

    def loss(self, params, X, t, key=None):
        return -jnp.take_along_axis(jax.nn.log_softmax(self.scores(params, X, key)), t[:, None], 1).mean()

    def step(self, state, X, t, index, eta):
        params, velocities, key = state
        key, here = jax.random.split(key)
        cost, grads = jax.value_and_grad(self.loss)(params, X[index], t[index], here)
        grads = jax.tree.map(lambda g, W: g + self.decay * W if W.ndim > 1 else g, grads, params)
        velocities = jax.tree.map(lambda v, g: self.mu * v - eta * g, velocities, grads)
        params = jax.tree.map(jnp.add, params, velocities)
        return (jax.tree.map(self.limited, params) if self.maxnorm else params, velocities, key), cost

    def limited(self, W):
        """W with a norm of at most maxnorm in each filter, in each column."""
        if W.ndim == 1:
            return W
        axes = 0 if W.ndim == 2 else (0, 1, 2) if self.row == 1 else (1, 2, 3)
        norm = jnp.sqrt((W**2).sum(axes, keepdims=True))
        return W * jnp.minimum(1, self.maxnorm / jnp.maximum(norm, 1e-30))

    def epoch(self, state, X, t, order, etas, n):
        def body(k, carry):
            state, cost = self.step(carry[0], X, t, order[k], etas[k])
            return state, carry[1] + cost
        return jax.lax.fori_loop(0, n, body, (state, jnp.float32(0)))

    def train(self, order, etas):
        if 'epoch' in self.words:
            rest = -len(order) % self.steps                                          # one shape, one compilation
            self.state, total = self.jit_epoch(self.state, self.X, self.t, np.pad(order, ((0, rest), (0, 0))),
                                               np.pad(etas, (0, rest)), len(order))
        else:
            costs = []
            for index, eta in zip(order, etas):
                self.state, cost = self.jit_step(self.state, self.X, self.t, index, eta)
                costs.append(cost)
            total = sum(map(float, costs))
        jax.block_until_ready(self.state)
        return total / len(order)

    def classes(self, X):
        return np.concatenate([np.argmax(self.jit_scores(self.state[0], self.in_form(part)), 1)
                               for part in np.split(X, range(1000, len(X), 1000))])

    def cost(self):
        starts = range(0, len(self.X), 1000)
        return sum(float(self.jit_loss(self.state[0], self.X[n:n + 1000], self.t[n:n + 1000]))
                   for n in starts) / len(starts)


if __name__ == '__main__':
    protocol.serve(Jax)

"""PyTorch as a contender.

Choice: 'contiguous' or 'channels_last' feature maps, after 'compiled', where torch.compile has the cost and its
gradients, or 'compiled step', where it has the whole step; 'autotune' lets it try kernels. 'as in its examples': as a
newcomer would write it, after the MNIST script in PyTorch's own collection of examples.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import protocol

AFUNC = {'linear': lambda Z: Z, 'ReLu': torch.relu, 'tanh': torch.tanh, 'softmax': lambda Z: Z}       # part of the cost


class Torch:
    version = 'torch ' + torch.__version__

    def __init__(self, X, t, params, job):
        torch.set_num_threads(job['threads'])
        self.layers, self.eta, self.mu = job['layers'], job['eta'], job['mu']
        self.X, self.t = torch.from_numpy(X), torch.from_numpy(t).long()
        words = job['choice'].split()
        self.channels_last = 'channels_last' in words
        self.format = torch.channels_last if self.channels_last else torch.contiguous_format
        self.initial = self.converted(params)
        self.params = [p.clone().requires_grad_() for p in self.initial]
        # v <- mu v + g, W <- W - eta v is the project's formula with v / -eta for v
        self.decay, self.maxnorm = job['decay'], job['maxnorm']
        self.optimizer = torch.optim.SGD(
            [dict(params=[p for p in self.params if p.ndim > 1], weight_decay=self.decay),
             dict(params=[p for p in self.params if p.ndim == 1])], lr=self.eta, momentum=self.mu, fused=True)
        self.velocities = [torch.zeros_like(p) for p in self.initial]
        for p, v in zip(self.params, self.velocities):
            self.optimizer.state[p]['momentum_buffer'] = v

        def compiled(function):
            mode = 'max-autotune-no-cudagraphs' if 'autotune' in words else None
            return torch.compile(function, dynamic=False, mode=mode)

        self.step_loss = compiled(self.loss) if 'compiled' in words else self.loss
        self.step = compiled(self.pure_step) if 'step' in words else self.eager_step

    def converted(self, params):
        params = protocol.unflipped(self.layers, params)
        if self.channels_last:
            params = protocol.rows_channels_last(self.layers, params)
        return [torch.from_numpy(p).contiguous(
            memory_format=self.format if p.ndim == 4 else torch.contiguous_format) for P in params for p in P]

    def start(self, params):
        self.initial = self.converted(params)
        self.reset()

    @torch.no_grad()
    def reset(self):
        for p, initial, v in zip(self.params, self.initial, self.velocities):
            p.copy_(initial)
            v.zero_()

    def scores(self, params, X, training):
        params, Z = iter(params), X.contiguous(memory_format=self.format)
        for layer in self.layers:
            if layer['kind'] == 'conv':
                Y = F.conv2d(Z, next(params), padding=layer['pad'])
                Z = F.max_pool2d(Y, layer['ds'], layer['st'], ceil_mode=True)
                Z = Z + next(params)[:, None, None] if layer['bias'] else Z
            else:
                if Z.ndim == 4 and self.channels_last:
                    Z = Z.permute(0, 2, 3, 1)              # as it lies in memory
                W, b = next(params), next(params)
                Z = torch.addmm(b, Z.flatten(1), W)
            Z = AFUNC[layer['afunc']](Z)
            Z = F.dropout(Z, layer['drop']) if training and layer['drop'] else Z
        return Z

    def loss(self, params, X, t, training=True):
        return F.cross_entropy(self.scores(params, X, training), t)

    def eager_step(self, index, eta):
        for group in self.optimizer.param_groups:
            group['lr'] = float(eta)
        cost = self.step_loss(self.params, self.X[index], self.t[index])
        cost.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.limit_norms(self.params)
        return cost.detach()

    @torch.no_grad()
    def limit_norms(self, params):
        for W in params:
            if self.maxnorm and W.ndim > 1:                # of each filter, of each column
                norm = torch.linalg.vector_norm(W, dim=(1, 2, 3) if W.ndim == 4 else 0, keepdim=True)
                W.mul_((self.maxnorm / norm.clamp(min=1e-30)).clamp(max=1))

    def pure_step(self, index, eta):
        params = [p.detach() for p in self.params]
        grads, cost = torch.func.grad_and_value(self.loss)(params, self.X[index], self.t[index])
        for W, v, g in zip(params, self.velocities, grads):
            v.mul_(self.mu).add_(g + self.decay * W if self.decay and W.ndim > 1 else g)
            W.sub_(v * eta)
        self.limit_norms(params)
        return cost

    def train(self, order, etas):
        total = torch.zeros(())
        for index, eta in zip(torch.from_numpy(order).long(), torch.from_numpy(etas)):
            total += self.step(index, eta)
        return total / len(order)

    @torch.no_grad()
    def classes(self, X):
        return torch.cat([self.scores(self.params, part, False).argmax(1) for part in torch.from_numpy(X).split(1000)]
                         ).numpy()

    @torch.no_grad()
    def cost(self):
        return sum(float(self.loss(self.params, X, t, training=False)) * len(X)
                   for X, t in zip(self.X.split(1000), self.t.split(1000))) / len(self.X)


class Example(Torch):
    """Modules, a DataLoader that collates examples, the optimizer as it comes."""

    def __init__(self, X, t, params, job):
        super().__init__(X, t, params, job)
        activation = {'linear': nn.Identity, 'ReLu': nn.ReLU, 'tanh': nn.Tanh, 'softmax': lambda: nn.LogSoftmax(1)}
        modules = []
        for layer in self.layers:
            if layer['kind'] == 'conv':
                Wnch, Xnch, *Wdim = layer['Wshape']
                modules += [nn.Conv2d(Xnch, Wnch, Wdim, padding=layer['pad'], bias=layer['bias']),
                            nn.MaxPool2d(layer['ds'], layer['st'], ceil_mode=True)]
            else:
                modules += [nn.Flatten(), nn.Linear(*layer['Wshape'])]
            modules += [activation[layer['afunc']](), nn.Dropout(layer['drop'])]
        self.model = nn.Sequential(*modules)
        self.params = list(self.model.parameters())
        self.initial = self.converted(params)
        self.optimizer = torch.optim.SGD(
            [dict(params=[p for p in self.params if p.ndim > 1], weight_decay=self.decay),
             dict(params=[p for p in self.params if p.ndim == 1])], lr=self.eta, momentum=self.mu)

    def converted(self, params):
        return [p.T if p.ndim == 2 else p for p in super().converted(params)]

    def reset(self):
        super().reset()
        self.optimizer.state.clear()

    def train(self, order, etas):
        self.model.train()
        total = torch.zeros(())
        loader = DataLoader(Subset(TensorDataset(self.X, self.t), order.ravel()), order.shape[1])
        for (X, t), eta in zip(loader, etas):
            for group in self.optimizer.param_groups:
                group['lr'] = float(eta)
            self.optimizer.zero_grad()
            loss = F.nll_loss(self.model(X), t)
            loss.backward()
            self.optimizer.step()
            self.limit_norms([W.T if W.ndim == 2 else W for W in self.params])
            total += loss.detach()
        return total / len(order)

    @torch.no_grad()
    def classes(self, X):
        self.model.eval()
        return torch.cat([self.model(part).argmax(1) for part in torch.from_numpy(X).split(1000)]).numpy()

    @torch.no_grad()
    def cost(self):
        self.model.eval()
        return sum(float(F.nll_loss(self.model(X), t, reduction='sum'))
                   for X, t in zip(self.X.split(1000), self.t.split(1000))) / len(self.X)


if __name__ == '__main__':
    protocol.serve(Example if 'as in its examples' in sys.argv[1] else Torch)

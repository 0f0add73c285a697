"""PyTorch as a contender.

Choice: 'contiguous' or 'channels_last' feature maps, after 'compiled', where torch.compile has the cost and its
gradients, or 'compiled step', where it has the whole step; 'autotune' lets it try kernels.
"""
import torch
import torch.nn.functional as F

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
        params = protocol.unflipped(self.layers, params)
        if self.channels_last:
            params = protocol.rows_channels_last(self.layers, params)
        self.initial = [torch.from_numpy(p).contiguous(
            memory_format=self.format if p.ndim == 4 else torch.contiguous_format) for P in params for p in P]
        self.params = [p.clone().requires_grad_() for p in self.initial]
        # v <- mu v + g, W <- W - eta v is the project's formula with v / -eta for v
        self.optimizer = torch.optim.SGD(self.params, lr=self.eta, momentum=self.mu, fused=True)
        self.velocities = [torch.zeros_like(p) for p in self.initial]
        for p, v in zip(self.params, self.velocities):
            self.optimizer.state[p]['momentum_buffer'] = v

        def compiled(function):
            mode = 'max-autotune-no-cudagraphs' if 'autotune' in words else None
            return torch.compile(function, dynamic=False, mode=mode)

        self.step_loss = compiled(self.loss) if 'compiled' in words else self.loss
        self.step = compiled(self.pure_step) if 'step' in words else self.eager_step

    @torch.no_grad()
    def reset(self):
        for p, initial, v in zip(self.params, self.initial, self.velocities):
            p.copy_(initial)
            v.zero_()

    def loss(self, params, X, t):
        params, Z = iter(params), X.contiguous(memory_format=self.format)
        for layer in self.layers:
            if layer['kind'] == 'conv':
                Z = F.max_pool2d(F.conv2d(Z, next(params)), layer['ds'], ceil_mode=True)
                Z = Z + next(params)[:, None, None] if layer['bias'] else Z
            else:
                if Z.ndim == 4 and self.channels_last:
                    Z = Z.permute(0, 2, 3, 1)              # as it lies in memory
                W, b = next(params), next(params)
                Z = torch.addmm(b, Z.flatten(1), W)
            Z = AFUNC[layer['afunc']](Z)
        return F.cross_entropy(Z, t)

    def eager_step(self, index):
        cost = self.step_loss(self.params, self.X[index], self.t[index])
        cost.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return cost.detach()

    def pure_step(self, index):
        params = [p.detach() for p in self.params]
        grads, cost = torch.func.grad_and_value(self.loss)(params, self.X[index], self.t[index])
        for W, v, g in zip(params, self.velocities, grads):
            v.mul_(self.mu).add_(g)
            W.sub_(v, alpha=self.eta)
        return cost

    def train(self, order):
        total = torch.zeros(())
        for index in torch.from_numpy(order).long():
            total += self.step(index)
        return total / len(order)

    @torch.no_grad()
    def cost(self):
        return sum(float(self.loss(self.params, X, t)) * len(X)
                   for X, t in zip(self.X.split(1000), self.t.split(1000))) / len(self.X)


if __name__ == '__main__':
    protocol.serve(Torch)

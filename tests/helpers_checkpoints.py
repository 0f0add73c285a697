"""A small training with a checkpoint, in this process."""
import numpy as np

import training
from helpers import contents, small_data, small_net
from run import checkpoints

SETTINGS = {'eta': 0.1, 'batchsize': 20, 'ds1': (2, 2), 'seed': 0, 'nepoch': 4, 'interval': 2, 'data': 'a', 'save': ''}


def train(path, nepoch=4, interval=2, resume=True, optimiser=None, after_epoch=None, data=None, net=None, eta_of=0.02,
          mu=0.8, change=(), **settings):
    """The log of a training with a checkpoint, in this process."""
    data = data or small_data()
    with checkpoints.Checkpoint(str(path), dict(SETTINGS, **settings), data, resume, change) as kept:
        return training.train(net or small_net(), data, eta_of, mu, 20, nepoch, interval, np.random.RandomState(1),
                              None, kept, optimiser, after_epoch)


def variables(path):
    """The parameters and what the optimiser keeps, as bytes by name."""
    return {name: array for name, array in contents(path).items() if name[0] in 'Wv'}

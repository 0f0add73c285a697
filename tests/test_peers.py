"""A step of this project against the same step of its peers, where `make peers` has set them up: the bench is fair."""
import os

import numpy as np
import pytest

from conftest import amount
import contenders
import runs

NET = ['data=drawn', 'NL=500', 'hidden=conv-conv-full', 'W1nch=6', 'W2nch=8', 'ds1=(3,3)', 'st1=(2,2)', 'pad1=2',
       'ds2=(3,3)', 'st2=(2,2)', 'pad2=1', 'afunc1=ReLu', 'afunc2=tanh', 'H3=30', 'withBias=True', 'decay=0.01',
       'maxnorm=0.3']
CHOICES = [('torch', 'channels_last'), ('torch', 'compiled step contiguous'), ('torch-example', 'as in its examples'),
           ('tensorflow', 'step'), ('tensorflow', 'step jit_compile reshape'), ('jax', 'step NCHW'),
           ('jax', 'step NHWC reshape patches')]
EVERY = [(contender, choice) for contender, (_, _, choices) in contenders.CONTENDERS.items() for choice in choices
         if not contender.startswith('project')]
THERE = [choice for choice in amount(CHOICES, EVERY) if os.path.exists(contenders.python_of(choice[0]))]


def costs(contender, choice, job):
    """Mean cost of 5 minibatches, and of all examples after them."""
    worker, _ = contenders.enter(contender, dict(job, choice=choice), [choice])
    try:
        worker.ask('reset')
        return [worker.ask('train', 1, 5)[2], worker.ask('cost')]
    finally:
        worker.end()


@pytest.fixture(scope='module')
def job(tmp_path_factory):
    folder, prepared = tmp_path_factory.mktemp('job'), runs.prepare(NET)
    np.save(str(folder / 'X.npy'), prepared['dataset'].XL)
    np.save(str(folder / 't.npy'), prepared['dataset'].tL)
    job = contenders.job_of(prepared, str(folder), part=5, threads=1)
    return dict(job, project=costs('project', '', job))


@pytest.mark.skipif(not THERE, reason='`make peers` has set none up')
@pytest.mark.parametrize('contender, choice', THERE)
def test_a_peer_learns_the_same(contender, choice, job):
    """Overlapping windows, zeros around the images, decay and max-norm, which all have an effect here."""
    np.testing.assert_allclose(costs(contender, choice, job), job['project'], rtol=1e-5)

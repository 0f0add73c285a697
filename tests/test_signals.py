"""Ctrl-C and SIGTERM within a training."""
import os
import signal
import threading

import numpy as np
import pytest

import training
from helpers import small_data, small_net

RNG = np.random.RandomState


@pytest.mark.parametrize('number, name', [(signal.SIGINT, 'Ctrl-C'), (signal.SIGTERM, 'SIGTERM')])
def test_a_signal_stops_after_its_minibatch_and_is_then_given_back(steps, monkeypatch, number, name):
    before = signal.getsignal(number)

    def update(minibatch):
        steps.append(minibatch)
        if len(steps) == 5:
            os.kill(os.getpid(), number)                            # in the second minibatch of three of epoch 2
        return 0.5

    compiled = training.compile_functions()._replace(update=update)
    monkeypatch.setattr(training, 'compile_functions', lambda *_: compiled)
    with pytest.raises(training.Stopped) as error:
        training.train(small_net(), small_data(), 0.01, 0.5, 50, 10, 10, RNG(0))
    assert str(error.value) == 'stopped by %s after epoch 2, minibatch 2 of 3' % name and len(steps) == 5
    assert error.value.status == (130 if number == signal.SIGINT else 143)
    assert signal.getsignal(number) is before


def test_in_another_thread_it_trains_without_signals(steps):
    log = []
    thread = threading.Thread(target=training.train, args=(small_net(), small_data(), 0.1, 0.5, 50, 1, 1, RNG(0), log))
    thread.start()
    thread.join()
    assert len(log) == 7

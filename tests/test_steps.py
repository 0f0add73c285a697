"""Where the time of a step goes: the script as its users run it, and which Op is of which kind."""
import json
import os
import sys

from conftest import ROOT, run_script

sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import steps
from fused.bias import AddBias
from fused.conv_pool import ConvPool, ConvPoolGradW, ConvPoolGradX
from fused.dense import ParallelGemm
from fused.dropout import Dropout
from fused.gather import ParallelTake
from theano.tensor.nnet.nnet import CrossentropySoftmax1HotWithBiasDx


def test_every_op_is_of_a_kind():
    def made(cls):
        return cls.__new__(cls)

    assert [steps.kind_of(made(cls)) for cls in (
        ConvPool, ConvPoolGradW, ConvPoolGradX, ParallelGemm, ParallelTake, CrossentropySoftmax1HotWithBiasDx, AddBias,
        Dropout)] == ['conv forward', 'dW', 'dX', 'products', 'gather', 'softmax, cost', 'elementwise', 'elementwise']


def test_times_are_told_by_kind_and_add_up(tmp_path):
    run = run_script('net=conv16-ds4,conv16-conv16-ds4', 'data=drawn', 'steps=3', 'json=%s' % (tmp_path / 'steps.json'),
                     script=os.path.join('experiments', 'steps.py'))
    assert run.returncode == 0, run.stderr
    nets = json.loads((tmp_path / 'steps.json').read_text())['nets']
    assert [bool(times['dX']) for net in nets.values() for times in net.values()] == sorted(
        [name == 'conv16-conv16-ds4' for name, net in nets.items() for _ in net])           # not of a first layer
    for net, of_threads in nets.items():
        for threads, times in of_threads.items():
            assert all(times[kind] > 0 for kind in times if kind != 'dX')
            assert '| %s | %s | %.0f |' % (net, threads, sum(times.values())) in run.stdout


def test_a_wrong_name_is_one_line():
    run = run_script('net=conv16', script=os.path.join('experiments', 'steps.py'))
    assert run.returncode == 2 and run.stderr.startswith('net = conv16: ') and run.stderr.count('\n') == 1

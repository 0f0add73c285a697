"""Trained nets in files: what comes back, of nets of any depth and of the format before; what is refused."""
import os
import signal

import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import mlp_3layer
import mlp_4layer
import mnist
import nnet
from conftest import ROOT, run_script
from convnet import ConvLayer
from datasets.files import FileError
from helpers import NoData, assert_one_line, conv_full_net
from nnet import FullLayer
from run import archive, saved_nets
from run.signals import Stopped

FORMAT_1 = os.path.join(ROOT, 'tests', 'saved_by_format_1')


def outputs(net, images):
    X = T.tensor4()
    return theano.function([X], net.output(X))(images)


def five_layers(rng):
    return nnet.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 3), 'ReLu', True, rng=rng), FullLayer(24, 9, 'tanh', rng=rng),
                    FullLayer(9, 8, 'ReLu', rng=rng), FullLayer(8, 7, 'sigmoid', False, rng=rng),
                    FullLayer(7, 3, 'softmax', rng=rng))


NETS = {
    'mlp_2layer': lambda rng: mlp_2layer.Net(FullLayer(84, 6, 'sigmoid', False, rng=rng), 3, rng),
    'mlp_3layer': lambda rng: mlp_3layer.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 2), 'linear', False, rng=rng),
                                             ConvLayer(3, 3, 4, 2, 2, 3, (1, 1), 'tanh', True, rng=rng), 3, rng),
    'mlp_4layer': lambda rng: mlp_4layer.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 3), 'ReLu', True, rng=rng),
                                             FullLayer(24, 5, 'tanh', rng=rng), FullLayer(5, 4, 'linear', rng=rng), 3,
                                             rng),
    'nnet': five_layers,
}


@pytest.mark.parametrize('module', NETS)
def test_a_saved_net_comes_back(tmp_path, rng, module):
    net, path = NETS[module](rng), str(tmp_path / 'net.npz')
    for W in net.params:
        W.set_value(rng.normal(size=W.get_value().shape).astype('float32'))
    saved_nets.save_net(path, net, NoData, {'eta': 0.5, 'ds1': (2, 2)})
    saved = saved_nets.load_net(path)
    images = rng.normal(size=(11, 2, 7, 6)).astype('float32')
    np.testing.assert_array_equal(outputs(net, images), outputs(saved.net, images))
    np.testing.assert_array_equal(saved.net.output(images).eval(), outputs(net, images))          # an array, too
    assert repr(saved.net) == repr(net) and type(saved.net).__module__ == module
    assert saved.net.log_header() == net.log_header()
    assert saved.K == 3 and saved.source == 'made up' and np.array_equal(saved.mean, np.zeros((2, 7, 6)))
    assert saved.settings['eta'] == 0.5


@pytest.mark.parametrize('name, module', [('conv', 'mlp_2layer'), ('conv-conv', 'mlp_3layer'),
                                          ('conv-full', 'mlp_3layer'),
                                          ('full', 'mlp_2layer'), ('full-full', 'mlp_3layer')])
def test_a_net_of_format_1_gives_what_it_gave(name, module):
    """saved_by_format_1/README.md tells how the files were made."""
    saved = saved_nets.load_net(os.path.join(FORMAT_1, name + '.npz'))
    with np.load(os.path.join(FORMAT_1, 'outputs.npz')) as file:
        np.testing.assert_allclose(outputs(saved.net, file['images']), file[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(saved.mean, file['mean'])
    assert type(saved.net).__module__ == module
    assert saved.K == 3 and saved.source == 'noise' and saved.settings['hidden'] == name


def test_the_script_saves_a_net_whose_test_error_is_the_log_s(folder, tmp_path):
    """And its checkpoint gives the same net."""
    path, checkpoint = str(tmp_path / 'net.npz'), str(tmp_path / 'a.npz')
    run = run_script('data=' + folder, 'NL=500', 'W1nch=4', 'nepoch=3', 'checkpoint=' + checkpoint, 'save=' + path)
    assert run.returncode == 0, run.stderr
    saved, data = saved_nets.load_net(path), mnist.load(folder, 500)
    assert saved.mean.shape == data.XL.shape[1:] and not saved.mean.any()
    assert saved.settings['W1nch'] == 4 and saved.K == data.K and saved.source == data.source
    p = outputs(saved.net, data.XT)
    error = 100 * np.sum(p.argmax(1) != data.tT) / len(data.tT)
    assert float(run.stdout.rstrip().split('\n')[-1].split()[-1]) == pytest.approx(error, rel=1e-9)
    kept = saved_nets.load_net(checkpoint)
    np.testing.assert_array_equal(outputs(kept.net, data.XT), p)
    assert np.array_equal(kept.mean, saved.mean)
    assert repr(kept.net) == repr(saved.net) and (kept.K, kept.source) == (saved.K, saved.source)

    before = open(checkpoint, 'rb').read()
    again = run_script('data=' + folder, 'NL=500', 'nepoch=0',
                       'save=' + checkpoint)      # a file of another kind is there
    assert_one_line(again, 1, 'a.npz: is a checkpoint, not a saved net')
    assert again.stdout == '' and open(checkpoint, 'rb').read() == before


@pytest.mark.parametrize('number, name', [(signal.SIGINT, 'Ctrl-C'), (signal.SIGTERM, 'SIGTERM')])
def test_a_signal_while_a_net_is_saved_is_heard_once_it_is(number, name, rng, tmp_path, monkeypatch):
    def interrupted(*arguments):
        os.kill(os.getpid(), number)
        write(*arguments)

    write, net, path = archive.write, NETS['mlp_2layer'](rng), str(tmp_path / 'net.npz')
    monkeypatch.setattr(archive, 'write', interrupted)
    with pytest.raises(Stopped, match='stopped by %s after the net was saved' % name):
        with saved_nets.kept_at_end(path, net, NoData, {}):
            pass
    np.testing.assert_array_equal(saved_nets.load_net(path).net.params[0].get_value(), net.params[0].get_value())


def test_what_a_link_leads_to_is_written_though_it_is_not_there_yet(rng, tmp_path):
    (tmp_path / 'link.npz').symlink_to('net.npz')
    with saved_nets.kept_at_end(str(tmp_path / 'link.npz'), NETS['mlp_2layer'](rng), NoData, {}):
        pass
    assert saved_nets.load_net(str(tmp_path / 'net.npz')).K == NoData.K and (tmp_path / 'link.npz').is_symlink()


@pytest.mark.parametrize('change, text', [
    (lambda about, arrays: arrays.update(W0=arrays['W0'][1:]), 'no net can be made of it: W0 of shape (3, 2, 3, 2)'),
    (lambda about, arrays: arrays.pop('W3'), "no net can be made of it: 'W3'"),
    (lambda about, arrays: about['layers'][0].update({'class': 'nowhere.Layer'}),
     'no net can be made of it: No module named'),
    (lambda about, arrays: about['layers'][0].update({'class': 'convnet.NoLayer'}), 'no net can be made of it: module'),
    (lambda about, arrays: about['layers'][0]['arguments'].update(afunc='relu'),
     "no net can be made of it: afunc = 'relu'"),
    (lambda about, arrays: about['layers'][1]['arguments'].update(D=25),
     'no net can be made of it: layer2 = FullLayer(D 25'),
])
def test_a_file_that_no_net_can_be_made_of_is_one_line(tmp_path, change, text):
    path = str(tmp_path / 'net.npz')
    saved_nets.save_net(path, conv_full_net(), NoData, {})
    about, arrays = archive.read(path, ('saved net',), saved_nets.FORMAT)
    change(about, arrays)
    archive.write(path, 'saved net', saved_nets.FORMAT, about, arrays)
    with pytest.raises(FileError) as error:
        saved_nets.load_net(path)
    assert str(error.value).startswith('%s: %s' % (path, text)) and '\n' not in str(error.value)

import ast
import os

import pytest

from run import settings as hyperparameters
from conftest import ROOT


def defaults():
    """The hyperparameters at the top of mnist_convnet.py, read without running it."""
    with open(os.path.join(ROOT, 'mnist_convnet.py'), encoding='utf-8') as file:
        body = ast.parse(file.read()).body
    assigned = [node for node in body if isinstance(node, ast.Assign) and node.targets[0].id in hyperparameters.ALLOWED]
    return {node.targets[0].id: ast.literal_eval(node.value) for node in assigned}


def test_the_script_has_every_hyperparameter_and_its_defaults_are_the_articles_first_run():
    settings = defaults()
    assert set(settings) == set(hyperparameters.ALLOWED)
    hyperparameters.override(settings, [])
    article = dict(hidden='conv', W1dim=(5, 5), W1nch=16, ds1=(2, 2), afunc1='linear', eta=0.5, mu=0.8, batchsize=100,
                   nepoch=50, interval=10, NL=50000)
    assert {name: settings[name] for name in article} == article


def test_activation_functions_are_those_of_the_layers():
    import nnet
    assert set(hyperparameters.AFUNC) == set(nnet.AFUNC) - {'softmax'}


def test_a_folder_may_have_a_number_for_a_name(tmp_path, monkeypatch):
    (tmp_path / '123').mkdir()
    monkeypatch.chdir(tmp_path)
    settings = defaults()
    hyperparameters.override(settings, ['data=123', "hidden='full'"])
    assert settings['data'] == '123' and settings['hidden'] == 'full'


def test_arguments_replace_values():
    settings = defaults()
    hyperparameters.override(settings, ['W1nch=64', 'ds1=(4,4)', 'hidden=conv-full', 'seed=3', 'eta=1', 'withBias=True',
                                        'data=%s' % ROOT])
    assert (settings['W1nch'], settings['ds1'], settings['hidden'], settings['seed']) == (64, (4, 4), 'conv-full', 3)
    assert settings['eta'] == 1 and settings['withBias'] is True and settings['data'] == ROOT


@pytest.mark.parametrize('argument, line', [
    ('W1nhc=3', 'W1nhc=3: no hyperparameter of this name, did you mean W1nch?'),
    ('ETA=1', 'ETA=1: no hyperparameter of this name, did you mean eta?'),
    ('frobnicate=1', 'frobnicate=1: no hyperparameter of this name; known are data, '),
    ('nepoch', 'nepoch: must be name=value'),
    ('data=nowhere', "data = 'nowhere': must be 'auto', 'mnist', 'drawn' or a folder of IDX files"),
    ('data=', "data = '': must be 'auto'"),
    ('data=a\0b', "data = 'a\\x00b': must be 'auto'"),
    ('hidden=full-conv', "hidden = 'full-conv': must be one of conv, conv-conv, conv-full, full, full-full"),
    ('hidden=[]', "hidden = '[]': must be one of"),
    ('W1dim=5', 'W1dim = 5: must be two whole numbers of at least 1, such as (5,5)'),
    ('W1dim=(5,)', 'W1dim = (5,): must be two'),
    ('W2dim=(0,5)', 'W2dim = (0, 5): must be two'),
    ('ds1=(2.0,2)', 'ds1 = (2.0, 2): must be two'),
    ('ds2=', "ds2 = '': must be two"),
    ('W1nch=0', 'W1nch = 0: must be a whole number from 1 to 1000000000'),
    ('W2nch=1e3', 'W2nch = 1000.0: must be a whole'),
    ('H1=True', 'H1 = True: must be a whole'),
    ('H2=99999999999', 'H2 = 99999999999: must be a whole'),
    ('afunc1=relu', "afunc1 = 'relu': must be one of linear, ReLu, sigmoid, tanh"),
    ('afunc2=softmax', "afunc2 = 'softmax': must be one of linear"),
    ('withBias=1', 'withBias = 1: must be True or False'),
    ('Wsigma=-0.1', 'Wsigma = -0.1: must be a finite number of at least 0'),
    ('eta=0', 'eta = 0: must be a finite number above 0'),
    ('eta=1e999', 'eta = inf: must be a finite number above 0'),
    ('eta=nan', "eta = 'nan': must be a finite number above 0"),
    ('eta=1' + 400 * '0', 'eta = 1000'),
    ('', "'': must be name=value"),
    ('mu=1', 'mu = 1: must be a number of at least 0 and below 1'),
    ('batchsize=-100', 'batchsize = -100: must be a whole'),
    ('batchsize=50001', 'batchsize = 50001 exceeds NL = 50000'),
    ('nepoch=-1', 'nepoch = -1: must be a whole number of at least 0'),
    ('interval=0', 'interval = 0: must be a whole'),
    ('seed=-1', 'seed = -1: must be a whole number from 0 to 4294967295'),
    ('NL=0', 'NL = 0: must be a whole'),
    ('NL=50001', "NL = 50001: must be at most 50000, MNIST's 60000 less 10000 to validate"),
    ('eta=__import__("os").getpid()', "eta = '__import__(\"os\").getpid()': must be a finite number above 0"),
    ('eta=' + '(' * 1000, "eta = '((((("),
    ('seed=' + '9' * 5000, 'seed = '),
])
def test_a_wrong_argument_is_one_line_and_status_2(argument, line, capsys):
    with pytest.raises(SystemExit) as stopped:
        hyperparameters.override(defaults(), [argument])
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert err.startswith(line) and err.count('\n') == 1


def test_values_edited_in_the_script_are_checked_too(capsys):
    with pytest.raises(SystemExit):
        hyperparameters.override({**defaults(), 'batchsize': 'many'}, [])
    assert capsys.readouterr().err == "batchsize = 'many': must be a whole number from 1 to 1000000000\n"

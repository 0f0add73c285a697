"""The hyperparameters of the script: its defaults, what each may be, and the line that tells what was run."""
import ast
import os
import shlex

import pytest

from conftest import ROOT
from run import hyperparameters
from run.hyperparameters import FILES, FIRST_RUN, RULES
from run.settings import SettingError


def defaults():
    """The hyperparameters at the top of mnist_convnet.py, read without running it."""
    with open(os.path.join(ROOT, 'mnist_convnet.py'), encoding='utf-8') as file:
        body = ast.parse(file.read()).body
    namespace = {}
    for node in body:
        if isinstance(node, ast.Assign):
            exec(compile(ast.Module([node], []), 'mnist_convnet.py', 'exec'), {}, namespace)
    return namespace


def settings_of(*arguments):
    namespace = defaults()
    found = hyperparameters.from_command_line('What it does.', namespace, list(arguments))
    assert {name: namespace[name] for name in found} == found
    return found


def test_the_script_has_every_hyperparameter_and_its_defaults_are_the_articles_first_run():
    settings = defaults()
    assert list(settings) == list(RULES)
    assert {name: value for name, value in settings.items() if name not in FILES} == FIRST_RUN
    article = dict(hidden='conv', W1dim=(5, 5), W1nch=16, ds1=(2, 2), afunc1='linear', eta=0.05, mu=0.8, batchsize=100,
                   nepoch=50, interval=10, NL=50000)
    assert {name: settings_of()[name] for name in article} == article


def test_activation_functions_are_those_of_the_layers():
    import nnet
    for name in ('afunc1', 'afunc2', 'afunc3'):
        assert {afunc for afunc in nnet.AFUNC if RULES[name][0](afunc)} == set(nnet.AFUNC) - {'softmax'}


@pytest.mark.parametrize('arguments, told', [
    (['H1=300', 'W2nch=8', 'drop1=0.5'], "# not used: H1=300 W2nch=8: hidden = 'conv' has no such layer\n"),
    (['hidden=full-full', 'W1nch=8', 'ds2=(3,3)', 'H1=300', 'H3=5'],
     "# not used: W1nch=8 \"ds2=(3,3)\" H3=5: hidden = 'full-full' has no such layer\n"),
    (['refine=5'], '# not used: refine=5: no image is distorted\n'), (['refine=5', 'zoom=0.1'], ''),
    (['refine=50', 'zoom=0.1', 'shift=1'], '# not used: shift=1 zoom=0.1: refine = 50 of nepoch = 50\n'),
    (['hidden=full', 'withBias=True'], "# not used: withBias=True: hidden = 'full' has no such layer\n"),
    (['nepoch=0', 'warmup=2', 'refine=2', 'shift=1'], ''),
    (['change=eta,mu'], '# not used: change=eta,mu: resume = False\n'),
    (['hidden=conv-conv-full', 'W1nch=8', 'st2=(1,1)', 'H3=50', 'drop3=0.5', 'afunc2=ReLu', 'pad1=2'], '')])
def test_settings_of_layers_that_are_not_there_are_told(arguments, told, capsys):
    settings_of(*arguments)
    assert capsys.readouterr().err == told


def test_a_folder_may_have_a_number_for_a_name(tmp_path, monkeypatch):
    (tmp_path / '123').mkdir()
    monkeypatch.chdir(tmp_path)
    settings = settings_of('data=123', "hidden='full'")
    assert settings['data'] == '123' and settings['hidden'] == 'full'


def test_arguments_replace_values():
    settings = settings_of('W1nch=64', 'ds1=(4,4)', 'hidden=conv-full', 'seed=3', 'eta=1', 'withBias=True',
                           'data=%s' % ROOT)
    assert (settings['W1nch'], settings['ds1'], settings['hidden'], settings['seed']) == (64, (4, 4), 'conv-full', 3)
    assert settings['eta'] == 1 and settings['withBias'] is True and settings['data'] == ROOT


@pytest.mark.parametrize('argument, line', [
    ('W1nhc=3', 'W1nhc=3: no setting of this name, did you mean W1nch?; known are data, NL, NV, hidden, '),
    ('ETA=1', 'ETA=1: no setting of this name, did you mean eta?'),
    ('xyzzyx=1', 'xyzzyx=1: no setting of this name; known are data, '),
    ('nepoch', 'nepoch: must be name=value'),
    ('data=nowhere', "data = 'nowhere': must be 'auto', 'mnist', 'drawn' or a folder of IDX files"),
    ('data=', "data = '': must be 'auto'"),
    ('data=a\0b', "data = 'a\\x00b': must be 'auto'"),
    ('hidden=full-conv', "hidden = 'full-conv': must be one of conv, conv-conv, conv-full, full, full-full, "
                         "conv-conv-conv, conv-conv-full, conv-full-full, full-full-full"),
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
    ('H3=0', 'H3 = 0: must be a whole'),
    ('afunc1=relu', "afunc1 = 'relu': must be one of linear, ReLu, sigmoid, tanh"),
    ('afunc2=softmax', "afunc2 = 'softmax': must be one of linear"),
    ('afunc3=', "afunc3 = '': must be one of linear"),
    ('withBias=1', 'withBias = 1: must be True or False'),
    ('Wsigma=-0.1', 'Wsigma = -0.1: must be a finite number of at least 0'),
    ('eta=0', 'eta = 0: must be a finite number above 0'),
    ('eta=1e999', 'eta = inf: must be a finite number above 0'),
    ('eta=nan', "eta = 'nan': must be a finite number above 0"),
    ('eta=1' + 400 * '0', 'eta = 1000'),
    ('', "'': must be name=value"),
    ('mu=1', 'mu = 1: must be a number of at least 0 and below 1'),
    ('mu=(0.5,1.5,10)', 'mu = (0.5, 1.5, 10): must be a number of at least 0 and below 1, or two of them and a number'),
    ('Wsigma=he', "Wsigma = 'he': must be a finite number of at least 0 and at most 1e30, or 'He'"),
    ('NV=-1', 'NV = -1: must be a whole number from 0 to 1000000000, or None'),
    ('st1=(0,2)', 'st1 = (0, 2): must be two whole numbers of at least 1, such as (5,5), or None'),
    ('pad2=-1', 'pad2 = -1: must be a whole number from 0 to 1000'),
    ('drop3=1', 'drop3 = 1: must be a number of at least 0 and below 1'),
    ('decay=-1', 'decay = -1: must be a finite number of at least 0 and at most 1e30'),
    ('maxnorm=nan', "maxnorm = 'nan': must be a finite number of at least 0"),
    ('average=1', 'average = 1: must be a number of at least 0 and below 1'),
    ('schedule=step', "schedule = 'step': must be one of constant, linear, cosine"),
    ('warmup=0.5', 'warmup = 0.5: must be a whole number from 0'),
    ('shift=1.5', 'shift = 1.5: must be a whole number from 0 to 1000'),
    ('rotate=181', 'rotate = 181: must be a number from 0 to 180'),
    ('zoom=1', 'zoom = 1: must be a number of at least 0 and below 1'),
    ('elastic=-1', 'elastic = -1: must be a number from 0 to 1000'),
    ('refine=-1', 'refine = -1: must be a whole number from 0'),
    ('batchsize=-100', 'batchsize = -100: must be a whole'),
    ('batchsize=50001', 'batchsize = 50001: must be at most NL = 50000'),
    ('nepoch=-1', 'nepoch = -1: must be a whole number from 0 to 1000000000'),
    ('interval=0', 'interval = 0: must be a whole'),
    ('seed=-1', 'seed = -1: must be a whole number from 0 to 4294967295'),
    ('NL=0', 'NL = 0: must be a whole'),
    ('eta=__import__("os").getpid()', "eta = '__import__(\"os\").getpid()': must be a finite number above 0"),
    ('checkpoint=a.txt',
     "checkpoint = 'a.txt': must be '' or a file FILE.npz in a folder that exists and can be written"),
    ('save=/nowhere/a.npz', "save = '/nowhere/a.npz': must be ''"), ('save=3', "save = '3': must be ''"),
    ('resume=True', 'resume = True: checkpoint must name the file to resume from'),
    ('resume=1', 'resume = 1: must be True or False'),
    ('change=1', "change = '1': must be '' or names"),
    ('change=None', "change = 'None': must be '' or names"),
    ('change=seed', "change = 'seed': must be '' or names of eta, mu, batchsize"),
])
def test_a_wrong_argument_is_one_line_and_status_2(argument, line):
    with pytest.raises(SettingError) as error:
        settings_of(argument)
    assert str(error.value).startswith(line) and '\n' not in str(error.value) and error.value.status == 2


def test_the_net_and_the_checkpoint_are_two_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink('a.npz', 'b.npz')
    for save in ('a.npz', './a.npz', 'b.npz'):
        with pytest.raises(SettingError, match='^save = .*: must be another file than checkpoint$'):
            settings_of('checkpoint=a.npz', 'save=' + save)


def test_values_edited_in_the_script_are_checked_too_and_none_is_changed_when_one_is_wrong():
    namespace = {**defaults(), 'batchsize': 'many'}
    with pytest.raises(SettingError, match="^batchsize = 'many': must be a whole number from 1 to 1000000000$"):
        hyperparameters.from_command_line('', namespace, ['W1nch=64'])
    assert namespace == {**defaults(), 'batchsize': 'many'}


def test_a_number_takes_the_place_of_a_word_that_was_edited_in():
    assert hyperparameters.from_command_line('', {**defaults(), 'Wsigma': 'He'}, ['Wsigma=0.1'])['Wsigma'] == 0.1


@pytest.mark.parametrize('arguments, line', [
    ([], 'none'),
    (['W1nch=64', 'ds1=(4, 4)'], 'W1nch=64 "ds1=(4,4)"'),
    (['nepoch=3', 'hidden=conv-full', 'data=drawn', 'withBias=True', 'eta=0.5'],
     'data=drawn hidden=conv-full withBias=True eta=0.5 nepoch=3'),
    (['refine=1', 'elastic=1.0', 'average=0.9', 'drop1=0.2', 'st1=(1,1)', 'NV=0', 'schedule=cosine', 'Wsigma=He',
      'mu=(0.5,0.9,2)'],
     'NV=0 Wsigma=He "st1=(1,1)" drop1=0.2 "mu=(0.5,0.9,2)" schedule=cosine average=0.9 elastic=1.0 refine=1'),
    (['save=net.npz', 'checkpoint=a.npz'], 'none'),                 # what is kept, and not what is learnt
    (['W1nch=16', 'eta=.05'], 'none'),
    (["data=it's here $HOME"], shlex.quote("data=it's here $HOME")),
])
def test_the_line_of_settings_has_what_the_articles_first_run_had_otherwise(arguments, line, tmp_path, monkeypatch):
    (tmp_path / "it's here $HOME").mkdir()
    monkeypatch.chdir(tmp_path)
    assert hyperparameters.settings_line(settings_of(*arguments)) == '# settings: ' + line


@pytest.mark.parametrize('arguments', [['W1nch=64', 'ds1=(4,4)', 'eta=1e-05', 'afunc1=ReLu', 'seed=4294967295'],
                                       ['data=a "folder" of $mine', 'hidden=full-full-full', 'H3=7']])
def test_typing_the_line_in_a_shell_gives_the_same_settings(arguments, tmp_path, monkeypatch):
    (tmp_path / 'a "folder" of $mine').mkdir()
    monkeypatch.chdir(tmp_path)
    line = hyperparameters.settings_line(settings_of(*arguments))[len('# settings: '):]
    assert settings_of(*shlex.split(line)) == settings_of(*arguments)

"""The speedrun on a small recipe: what it measures and how it judges."""
import json
import types

import numpy as np
import pytest
from scipy import special

from conftest import ROOT
import runs
import speedrun
from run.settings import SettingError


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(runs.RUNS, 'speedrun', runs.Run({
        'data': 'drawn', 'NL': 500, 'W1nch': 4, 'ds1': (4, 4), 'nepoch': 2, 'schedule': 'linear', 'eta': 0.1}, None))


def test_figures_have_the_promised_form(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', ROOT)
    speedrun.main(['seeds=2', 'peers=none', 'threads=1', 'data=drawn', 'json=%s' % (tmp_path / 'figures.json')])
    result = json.loads((tmp_path / 'figures.json').read_text())
    assert result['n'] == 2 and result['peers'] == {} and 0 < result['seconds']
    assert result['seconds'] < result['seconds_to_compile_and_start']['project']
    errors = [error for seconds, error in result['all']['project']]
    assert result['mean_test_error'] == np.mean(errors) and 0 <= min(errors) < max(errors) <= 90
    out = capsys.readouterr()
    assert '\nproject: %.2f s of training' % result['seconds'] in out.out and '# seed 1: project' in out.err


def test_where_the_project_itself_fails_it_is_one_line(small, capsys, monkeypatch):
    monkeypatch.setattr(speedrun, 'enter', lambda contender, job: (None, {}))
    with pytest.raises(SystemExit) as end:
        speedrun.main(['seeds=2', 'peers=none', 'threads=1', 'data=drawn'])
    assert end.value.code == 1 and 'speedrun: this project itself does not run' in capsys.readouterr().err


def test_the_learning_rate_falls_to_0(small, tmp_path):
    job = speedrun.recipe({'data': 'drawn', 'threads': 1}, str(tmp_path))
    etas = np.load(str(tmp_path / 'etas.npy'))
    np.testing.assert_allclose(etas, 0.1 * (1 - np.arange(10) / 10))
    assert job['batchsize'] == 100 and np.load(str(tmp_path / 'XT.npy')).shape == (10000, 1, 28, 28)


def test_peers_race_from_the_first_seeds_alone():
    worker = types.SimpleNamespace(ask=lambda what, *details: (1., details[0]))          # the seed as its error
    found = speedrun.race({'project': worker, 'torch': worker}, 3, peer_seeds=2)
    assert found == {'project': [(1., 0), (1., 1), (1., 2)], 'torch': [(1., 0), (1., 1)]}


def test_p_is_that_of_a_t_test():
    errors = [0.9, 0.95, 1.02, 0.97]
    worker = types.SimpleNamespace(started=1., choice='', version='theano')
    result = speedrun.figures({'project': [(2., error) for error in errors]}, {'project': worker})
    t = (np.mean(errors) - 1) / (np.std(errors, ddof=1) / 2)
    assert result['p'] == pytest.approx(special.stdtr(3, t)) and result['seconds'] == 2


def test_ratios_are_of_the_seeds_that_both_have():
    worker = types.SimpleNamespace(started=1., choice='', version='theano')
    found = {'project': [(2., 1.), (3., 1.), (9., 1.), (9., 1.1)], 'torch': [(8., 1.), (15., 1.)]}     # 9: a slow hour
    result = speedrun.figures(found, {'project': worker, 'torch': worker})
    assert result['times_ours'] == {'project': 1., 'torch': 4.5} and result['seconds'] == 6.


@pytest.mark.parametrize('arguments, words', [
    (['peers=pytorch'], 'did you mean torch?'), (['seeds=1'], 'seeds = 1: must be a whole number from 2 to 1000')])
def test_wrong_arguments_are_one_line(arguments, words):
    with pytest.raises(SettingError) as error:
        speedrun.main(arguments)
    assert words in str(error.value) and '\n' not in str(error.value)

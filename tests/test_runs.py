"""The table of runs, against what the article printed and what the tutorial has."""
import numpy as np
import pytest

import mnist
import runs
from run.hyperparameters import FIRST_RUN
from run.settings import SettingError


def test_the_article_s_runs_are_those_of_its_table():
    """Names, sizes and figures as the article printed them; see its log headers."""
    assert list(runs.ARTICLE)[0] == 'conv16-ds2' and len(runs.ARTICLE) == 8
    assert sum(run.article.wall or 0 for run in runs.ARTICLE.values()) == 7 * 3600 + 57 * 60 + 8
    assert [run.article.test for run in runs.ARTICLE.values()] == [1.81, 1.64, 1.64, 1.38, 1.42, 1.93, 1.28, 0.78]


def test_lenet_is_the_tutorial_s(monkeypatch):
    """20 and 50 maps of 5 x 5, windows of 2 x 2, 500 units, tanh; no momentum, rate 0.1, minibatches of 500."""
    X, t = np.zeros((600, 28, 28), 'uint8'), (np.arange(600) % 10).astype('uint8')
    monkeypatch.setattr(mnist, 'load', lambda data, NL, NV: mnist.split([X, t, X, t], 'zeros', 500))
    settings = runs.prepare(['NL=500'] + runs.arguments_of(runs.RUNS['lenet']))['settings']
    assert [settings[name] for name in ('hidden', 'W1nch', 'W2nch', 'H3', 'W1dim', 'W2dim', 'ds1', 'ds2')] == [
        'conv-conv-full', 20, 50, 500, (5, 5), (5, 5), (2, 2), (2, 2)]
    assert [settings['afunc%d' % n] for n in (1, 2, 3)] == 3 * ['tanh'] and settings['withBias'] is True
    assert [settings[name] for name in ('eta', 'mu', 'batchsize', 'nepoch')] == [0.1, 0, 500, 200]


def test_the_frontier_is_of_four_layers_at_most_and_uses_all_60000():
    assert list(runs.FRONTIER) == ['frontier', 'frontier-3layer', 'frontier-distorted']
    for name, run in runs.FRONTIER.items():
        assert (run.settings['NL'], run.settings['NV']) == (60000, 0)
        assert len(run.settings['hidden'].split('-')) + 1 == (3 if name == 'frontier-3layer' else 4)      # with softmax
        assert any(run.settings.get(kind) for kind in ('shift', 'rotate', 'zoom', 'elastic')) == (
            name == 'frontier-distorted')


def test_the_frontier_with_distorted_images_is_the_ladders_top_on_all_60000():
    top = [rung for rung in runs.RUNGS if rung not in runs.NOT_KEPT][-1]
    expected = dict(FIRST_RUN, **runs.LADDER['ladder-' + top].settings, NL=60000, NV=0)
    assert dict(FIRST_RUN, **runs.FRONTIER['frontier-distorted'].settings) == expected


def test_runs_are_named_singly_and_in_groups():
    assert list(runs.runs_named('lenet,conv16-ds2')) == ['lenet', 'conv16-ds2']
    assert list(runs.runs_named('article')) == list(runs.ARTICLE)
    with pytest.raises(SettingError, match='runs = conv16-d2: no run or group of this name, did you mean conv16-ds2'):
        runs.runs_named('conv16-d2')

"""Which logs are a group, and what groups differ in."""
import os

import pytest

from helpers_logs import ARTICLE_16_DS2, ARTICLE_64_DS4, printed, save
from groups import by_epoch, differences, groups_of
from logs import LogError, read_logs


def test_groups_of_files_folders_and_folders_of_folders(tmp_path):
    for seed in (0, 1, 10):
        save(tmp_path, 'all/conv16/seed-%d.log.gz' % seed, printed(2.0, seed, run='conv16-ds2'))
        save(tmp_path, 'all/other/seed-%d.log' % seed, printed(1.9, seed))
    save(tmp_path, 'all/notes/readme.txt', 'no log')
    file = save(tmp_path, 'A.log', printed(1.5) + printed(1.6, seed=1))
    found = groups_of([str(tmp_path / 'all'), file])
    assert [(group.name, sorted(log.seed for log in group.logs)) for group in found] == [
        ('conv16-ds2', [0, 1, 10]), ('other', [0, 1, 10]), ('A', [0, 1])]
    assert [group.name for group in groups_of([str(tmp_path / 'all' / 'other')])] == ['other']


@pytest.mark.parametrize('files, names', [
    (['old/a/x.log', 'new/a/x.log.gz', 'b.log'], ['old/a/x', 'new/a/x', 'b']),
    (['x/a.log', 'x/b.log'], ['a', 'b']),
    (['x/run.log', 'y/run.log'], ['x/run', 'y/run']),
])
def test_names_tell_groups_apart(tmp_path, files, names):
    assert [group.name for group in groups_of([save(tmp_path, name, printed(2.0)) for name in files])] == names


def test_the_same_run_in_two_folders_is_named_by_the_folders(tmp_path):
    for folder in ('old', 'new'):
        save(tmp_path, folder + '/seed-0.log', printed(2.0, run='conv16-ds2'))
    assert [g.name for g in groups_of([str(tmp_path / 'old'), str(tmp_path / 'new')])] == ['old', 'new']
    paths = [save(tmp_path, 'a.log', printed(2.0)), save(tmp_path, 'a.log.gz', printed(2.0))]
    assert [g.name for g in groups_of(paths)] == paths


def test_groups_that_make_no_sense(tmp_path):
    with pytest.raises(LogError, match='neither this folder nor a folder in it has a'):
        groups_of([str(tmp_path)])
    path = save(tmp_path, 'a.log', printed(2.0))
    with pytest.raises(LogError, match='a.log: given twice'):
        groups_of([path, os.path.join(str(tmp_path), '.', 'a.log')])
    for name, other, words in [('W1nch', printed(2.0, 1, W1nch=64), '16; 64'),
                               ('batchsize', printed(2.0, 1, batchsize=20), '100; 20'),
                               ('data', printed(2.0, 1, data='drawn, not MNIST'), 'MNIST; drawn, not MNIST'),
                               ('NT', printed(2.0, 1, NT=5000), '10000; 5000'),
                               ('nepoch', printed(2.0, 1).replace('\n1 ', '\n2 '), '1; 2')]:
        with pytest.raises(LogError, match='its logs differ in %s .*%s.* by seed only' % (name, words)):
            groups_of([save(tmp_path, 'two.log', printed(2.0) + other)])
    settings = [printed(2.0, seed, run='a').replace('"W1nch"', '"eta": %g, "W1nch"' % eta)
                for seed, eta in ((0, 0.5), (1, 0.1))]
    with pytest.raises(LogError, match=r'its logs differ in eta \(0.5; 0.1\)'):
        groups_of([save(tmp_path, 'two.log', ''.join(settings))])


def test_errors_by_epoch_take_what_is_there(tmp_path):
    (group,) = groups_of([save(tmp_path, 'a.log', printed(1.5, 0, valid=2.0) + printed(None, 1, valid=3.0))])
    assert by_epoch(group) == {0: ([2.30130529881] * 2, [90.11] * 2, [90.42] * 2),
                               1: ([0.125] * 2, [0.5, 0.5], [2.0, 3.0])}
    (group,) = groups_of([save(tmp_path, 'b.log', ARTICLE_64_DS4)])
    assert by_epoch(group) == {50: ([], [0.034], [1.16])}


@pytest.mark.parametrize('first, other, found', [
    (printed(2.0, settings='none'), printed(1.9, settings='eta=0.25 mu=0'),
     [('eta', ["the article's", '0.25']), ('mu', ["the article's", '0'])]),
    (printed(2.0, settings='eta=0.25 seed=1'), printed(1.9, settings='seed=2'), [('eta', ['0.25', "the article's"])]),
    (printed(2.0), printed(1.9, settings='eta=0.25'), []),                 # the first may have had that, too
    (printed(2.0).replace('NL = 50000', 'NL = 500'), printed(1.9, batchsize=20),
     [('NL', ['500', '50000']), ('batchsize', ['100', '20'])]),
    (printed(2.0, run='a'), printed(1.9, 1, run='a', W1nch=64), [('W1nch', ['16', '64'])]),
    (ARTICLE_16_DS2, ARTICLE_64_DS4, [('W1nch', ['16', '64']), ('ds1', ['(2, 2)', '(4, 4)'])]),
    (ARTICLE_16_DS2, ARTICLE_16_DS2.replace('# H: 2304', '# MaxoutLayer(H 40)'), []),
    (*(ARTICLE_16_DS2.replace('# H: 2304', '# MaxoutLayer(H %d)' % H) for H in (20, 40)),
     [('line 2 of the net', ['# MaxoutLayer(H 20)', '# MaxoutLayer(H 40)'])]),
])
def test_what_two_logs_differ_in(tmp_path, first, other, found):
    assert differences(*(read_logs(save(tmp_path, 'a.log', text))[0] for text in (first, other))) == found

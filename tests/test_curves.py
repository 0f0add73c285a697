"""The picture of the curves: what is drawn, where, and that every word is on it."""
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, run_script
from test_logs import ARTICLE_16_DS2, ARTICLE_CONV_CONV, ARTICLE_FULL400, printed, save

sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import curves  # noqa: E402
import logs  # noqa: E402

COMPARE = os.path.join('experiments', 'compare.py')


@pytest.fixture
def matplotlib():
    return pytest.importorskip('matplotlib', reason='matplotlib is missing: make extras')


def words_of(figure):
    """The words on a figure, once it is sure that none leaves it."""
    from matplotlib.text import Text
    figure.canvas.draw()
    renderer, (width, height) = figure.canvas.get_renderer(), figure.canvas.get_width_height()
    ticks = [(tick, sorted(axis.get_view_interval())) for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis)
             for tick in axis.get_major_ticks()]
    outside = [tick.label1 for tick, (low, high) in ticks if not low <= tick.get_loc() <= high]       # are not drawn
    words = [text for text in figure.findobj(Text)
             if text.get_visible() and text.get_text() and text not in outside]
    legend = figure.legends[0].get_window_extent(renderer)
    for box in [word.get_window_extent(renderer) for word in words] + [legend]:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert legend.y1 <= figure.axes[0].xaxis.label.get_window_extent(renderer).y0     # beneath the axes' own label
    return [word.get_text() for word in words]


def test_two_runs_with_an_error_of_0(matplotlib, tmp_path):
    found = logs.groups([save(tmp_path, 'conv16-ds2.log', ARTICLE_16_DS2),
                         save(tmp_path, 'conv16-full400.log', ARTICLE_FULL400)])
    figure = curves.draw(found)
    (axes,) = figure.axes
    valid, train, test = axes.lines[:3]
    assert len(axes.lines) == 6 and not [c for c in axes.collections if len(c.get_paths()) and c.get_facecolor().size]
    assert list(valid.get_xdata()) == list(train.get_xdata()) == [0, 10, 20, 30, 40, 50]
    assert list(valid.get_ydata()) == [90.73, 1.97, 1.83, 2.07, 1.87, 1.91] and valid.get_linestyle() == '-'
    assert list(train.get_ydata()) == [90.966, 1.21, 0.654, 0.58, 0.144, 0.018] and train.get_linestyle() == '--'
    assert list(test.get_ydata()) == [1.81] and test.get_xdata()[0] > 50 and test.get_marker() == 'D'
    assert {line.get_color() for line in axes.lines[:3]} == {'#0072B2'}
    assert {line.get_color() for line in axes.lines[3:]} == {'#D55E00'}
    assert list(axes.lines[4].get_ydata()) == [90.468, 0.29, 0.012, 0.008, 0.0, 0.0]
    words = words_of(figure)
    assert {'conv16-ds2', 'conv16-full400', 'validation', 'training', 'test', 'epoch',
            'errors (%), linear below 0.001 %', '0', '0.01', '1', '100'} <= set(words) and 'mean +- sd' not in words
    at_0, at_least = (axes.transData.transform((0, y))[1] for y in (0, 0.008))
    assert axes.bbox.y0 + 2 < at_0 < at_least - 5                             # 0 is on the picture, and told from 0.008


def test_a_band_where_there_are_several_seeds(matplotlib, tmp_path):
    text = [printed(test, seed, valid=test, train=train)
            for seed, test, train in ((0, 1.5, 0.002), (1, 2.0, 0.0), (2, 1.9, 0.01))]
    found = logs.groups([save(tmp_path, 'a.log', ''.join(text))])
    figure = curves.draw(found)
    (axes,) = figure.axes
    assert axes.lines[0].get_ydata()[1] == pytest.approx(1.8) and axes.lines[1].get_ydata()[1] == pytest.approx(0.004)
    sd = np.std([1.5, 2.0, 1.9], ddof=1)
    edges = [band.get_paths()[0].vertices for band in axes.collections[:2]]
    assert edges[0][edges[0][:, 0] == 1, 1].min() == pytest.approx(1.8 - sd)
    assert edges[0][edges[0][:, 0] == 1, 1].max() == pytest.approx(1.8 + sd)
    assert edges[1][edges[1][:, 0] == 1, 1].min() == 0                        # not below
    assert 'mean +- sd' in words_of(figure)


@pytest.mark.parametrize('count, length', [(1, 200), (8, 12), (8, 50), (3, 28)])
def test_many_and_long_names_leave_room_for_the_curves(matplotlib, tmp_path, count, length):
    found = logs.groups([save(tmp_path, '%s-%d.log' % ('W' * length, n), printed(1.5 + n)) for n in range(count)])
    figure = curves.draw(found)
    words_of(figure)
    assert figure.axes[0].bbox.height > 250 and figure.axes[0].bbox.width > 500
    assert len({line.get_color() for line in figure.axes[0].lines}) == count


def test_names_of_any_kind_are_in_the_legend(matplotlib):
    log = logs.Log('', None, 0, 'MNIST', [], 500, 100, 100, {0: (2.3, 90.0, 91.0)}, None, None, None)
    names = ['_run', '$x_$ $y', 'a\udcff']
    words = words_of(curves.draw([logs.Group(name, [log]) for name in names]))
    assert {' _run', r'\$x_\$ \$y', 'a?'} <= set(words)


def test_one_epoch_and_no_errors_at_all(matplotlib, tmp_path):
    lone = curves.draw(logs.groups([save(tmp_path, 'a.log', ARTICLE_CONV_CONV)]))
    assert list(lone.axes[0].lines[0].get_xdata()) == [50] and words_of(lone)
    stopped = printed(None).replace('90.11 90.42', '0.0 0.0').replace('0.5 2.0', '0.0 0.0')
    assert words_of(curves.draw(logs.groups([save(tmp_path, 'b.log', stopped)])))


def test_the_file_is_written(matplotlib, tmp_path):
    png = tmp_path / 'curves.png'
    log = save(tmp_path, 'a.log', ARTICLE_16_DS2)
    run = run_script(log, 'png=%s' % png, script=COMPARE, MPLBACKEND='TkAgg', DISPLAY=None)
    assert run.returncode == 0 and run.stderr == '' and 'epoch' in run.stdout
    from matplotlib.image import imread
    pixels = imread(str(png))[:, :, :3]
    assert pixels.shape[1] == 960 and 500 < pixels.shape[0] < 800
    assert (np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=2) < 0.01).sum() > 500


def test_more_groups_than_colours_are_one_line(matplotlib, tmp_path):
    paths = [save(tmp_path, '%d.log' % n, printed(1.5)) for n in range(25)]
    run = run_script(*paths, 'png=%s' % (tmp_path / 'a.png'), script=COMPARE)
    assert run.returncode == 2 and run.stdout == '' and not (tmp_path / 'a.png').exists()
    assert run.stderr.endswith('a.png: 25 groups: colours and markers tell at most 24 apart\n') and run.stderr.count('\n') == 1


def test_without_matplotlib_one_line_says_how_to_get_it(tmp_path):
    (tmp_path / 'matplotlib.py').write_text('raise ImportError')
    log, png = save(tmp_path, 'a.log', ARTICLE_16_DS2), tmp_path / 'a.png'
    run = run_script(log, 'png=%s' % png, script=COMPARE, PYTHONPATH=str(tmp_path))
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr == 'png = %s: there is no matplotlib: `make extras` adds it\n' % png
    run = run_script(log, script=COMPARE, PYTHONPATH=str(tmp_path))
    assert run.returncode == 0 and run.stderr == ''


def test_a_picture_that_cannot_be_written_is_one_line(matplotlib, tmp_path):
    if not os.path.exists('/dev/full'):
        pytest.skip('no /dev/full')
    link = save(tmp_path, 'full.png', '')
    os.remove(link)
    os.symlink('/dev/full', link)
    run = run_script(save(tmp_path, 'a.log', ARTICLE_16_DS2), 'png=' + link, script=COMPARE)
    assert run.returncode == 2 and run.stderr == 'png = %s: No space left on device\n' % link and 'epoch' in run.stdout


def test_a_pipe_that_nobody_reads_is_no_traceback(tmp_path):
    log = save(tmp_path, 'a.log', ARTICLE_16_DS2)
    run = subprocess.run('%s %s %s | head -1' % (sys.executable, COMPARE, log), cwd=ROOT, shell=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stdout.count('\n') == 1 and 'Traceback' not in run.stderr and 'Exception' not in run.stderr

"""Puts tables and logs into the READMEs, between their marks, from the results that are here: `make tables`.

    python experiments/tables.py          first RESULTS.md and trials.csv, as summary.py does; at last PICTURES

The marks are <!-- NAME --> or <!-- NAME: ARGUMENT -->, then <!-- /NAME -->. What stands between them is replaced by the
function of that name below, in Japanese in README.ja.md, else in English.
"""
import json
import os
import re
import statistics
import sys

from paths import HERE, RESULTS, ROOT
from scipy import stats

from datasets.files import write_whole
from run import script, settings
from run.settings import typed
from groups import groups_of, seeds_of, tested
from markdown_tables import markdown, number
from runs import ARTICLE, CHOICES, RUNGS
from bench_tables import CONTENDERS, bench
import ladder
import logs
import pictures
import readings
import summary

READMES = [os.path.join(ROOT, path) for path in (
    'README.md', 'README.ja.md', 'experiments/README.md', 'experiments/LADDER.md', 'fused/README.md')]
PICTURES = {'error_curves.png': (pictures, ['curves', 'runs=conv16-ds2,conv16-full400', 'width=16']),
            'ladder.png': (ladder, [])}


def log(run, ja):
    """The log of a run's first trial, as it is printed."""
    text = logs.read_packed(os.path.join(RESULTS, 'logs', run, 'trials.log.gz'))[0]
    return '```\n%s\n```' % text.partition('\n# versions: ')[0]


def runs(_, ja):
    """The article's runs as arguments of mnist_convnet.py, and what it printed for them."""
    head = ['実験', '引数', '学習 %', '検証 %', 'テスト %', '時間'] if ja else [
        'run', 'arguments', 'train %', 'valid %', 'test %', 'wall time']
    rows = []
    for name, run in ARTICLE.items():
        typed_settings = ' '.join(typed(*item) for item in run.settings.items())
        rows.append([name, '`%s`' % typed_settings if typed_settings else 'なし' if ja else 'none',
                     *map(str, run.article[:3]), summary.duration(run.article.wall) if run.article.wall else ''])
    return markdown([head] + rows, (2, 3, 4)) + '\n\n' + (
        '記事に載っている数値: 50 エポック後の誤識別率と,6 コア 3.5 GHz の Xeon(実質 1 コア分)での所要時間.' if ja else
        'As the article prints them: errors after 50 epochs; on a 6-core 3.5 GHz Xeon, of which about one core was in '
        'use.')


def results(names, ja):
    """Test errors over seeds; names: of runs, separated by commas."""
    trials = summary.read(RESULTS)
    head = ['実験', 'seed の数', 'テスト %', '最小〜最大', '時間', '秒/エポック'] if ja else [
        'run', 'seeds', 'test %', 'lowest to highest', 'wall time', 's an epoch']
    rows = []
    for name in names.split(','):
        test = [log.test[4] for log in trials[name] if log.test]
        rows.append([name, str(len(test)), '%.3f ± %.3f' % summary.statistics(test)[:2],
                     '%.2f – %.2f' % (min(test), max(test)), summary.duration(summary.wall(trials[name])),
                     '%.1f' % (summary.wall(trials[name]) / trials[name][0].test[0])])
    return markdown([head] + rows, (1, 2, 3, 5)) + '\n\n' + (
        '平均 ± 標準偏差.時間は 1 コアでの中央値(マシンはログにある).' if ja else
        'Mean ± standard deviation; the median of the times on one core, of machines that the logs name.')


def pairs(suffix, ja):
    """Runs without and with a change, NAME and NAME-suffix, from the same seeds: test errors, p of a paired t-test."""
    groups, rows = {group.name: group for group in groups_of([os.path.join(RESULTS, 'logs')])}, []
    for name in ARTICLE:
        both = [tested(groups[one]) for one in (name, '%s-%s' % (name, suffix)) if one in groups]
        if len(both) == 2 and all(both) and seeds_of(both[0]) == seeds_of(both[1]):
            before, after = ([log.test[4] for log in logs] for logs in both)
            p = stats.ttest_rel(before, after).pvalue
            rows.append([name, '%.2f' % statistics.mean(before), '%.2f' % statistics.mean(after), '%.2g' % p])
    head = ['実験', 'テスト %', suffix, 'p'] if ja else ['run', 'test %', suffix, 'p']
    return markdown([head] + rows, (1, 2, 3))


def ranking(_, ja):
    """The readings of the article by its runs of 16 filters; those that have all eight by these, and test lines."""
    trials = readings.read_trials(os.path.join(RESULTS, 'readings'), readings.READINGS)
    ranked, table = readings.ranking(trials, readings.SMALL)
    whole = [reading for reading in ranked if set(trials[reading]) == set(ARTICLE)]
    of_all = '\n'.join(row for row in readings.ranking(trials, list(ARTICLE))[1].split('\n') if '| – |' not in row)
    return '\n\n'.join([table, 'By all eight runs, where they are there:', of_all,
                        'Their test lines, cost and error in %, which take no part in this:',
                        readings.test_lines(trials, whole[:3])])


def rungs(name, ja):
    return ladder.table(RESULTS, CHOICES if name == 'choices' else RUNGS)


def scaling(_, ja):
    """What scaling.py json= has measured."""
    with open(os.path.join(RESULTS, 'scaling.json')) as file:
        result = json.load(file)
    head = ['試行', 'ワーカ', '試行/時', '理想との比', 'ドライバの CPU'] if ja else [
        'trials', 'workers', 'trials per hour', 'of the ideal', 'CPU of the driver, a trial']
    return markdown([head] + [[kind, str(workers), '%.0f' % rate, '%.0f %%' % (100 * share), '%.0f ms' % (1000 * cpu)]
                              for kind, workers, rate, share, cpu in result['rows']], (1, 2, 3, 4)) + '\n\n%s; %s.' % (
        result['machine'], result['date'])


def speedrun(_, ja):
    """What speedrun.py json=results/speedrun.json has measured."""
    with open(os.path.join(RESULTS, 'speedrun.json')) as file:
        result = json.load(file)
    head = ['', '学習の秒数', '最小〜最大', 'テスト %', '起動の秒数(コンパイル済み)', '比'] if ja else [
        '', 'seconds of training', 'lowest to highest', 'test %', 'seconds to start, compiled before', 'times ours']
    rows = []
    for contender, error in result['mean_test_errors'].items():
        seconds = {'project': result['seconds'], **result['peers']}[contender]
        rows.append([CONTENDERS[contender], '%.2f' % seconds, '%.2f – %.2f' % tuple(result['spread'][contender]),
                     '%.3f' % error, '%.1f' % result['seconds_to_compile_and_start'][contender],
                     '%.2f' % result['times_ours'][contender]])
    return markdown([head] + rows, range(1, 6)) + '\n\n' + (
        '`%s`; %d 個の seed(比べた相手は %d 個)の平均,時間は中央値,比は同じ seed どうしの比の中央値.'
        'テスト誤識別率の平均が 1 %% を下回ることの検定: p = %.2g.%s, %s; %s.' if ja else
        '`%s`; means of %d seeds, of the others %d; medians of the times, and of their ratios seed by seed; test of a '
        'mean test error below 1 %%: p = %.2g. %s, %s; %s.') % (
        result['settings'], result['n'], min(map(len, result['all'].values())), result['p'], result['machine'],
        result['vectors'], result['date'])


def steps(result, ja=False):
    """What steps.py has measured: of json=results/steps.json, or as a dictionary."""
    if not isinstance(result, dict):
        with open(os.path.join(RESULTS, 'steps.json')) as file:
            result = json.load(file)
    kinds = list(next(iter(next(iter(result['nets'].values())).values())))
    rows = [[net, threads, *(number(time or None, '%.0f') for time in [sum(times.values()), *map(times.get, kinds)])]
            for net, of_threads in result['nets'].items() for threads, times in of_threads.items()]
    return markdown([['net', 'threads', 'a step', *kinds]] + rows, range(1, 3 + len(kinds))) + (
        '\n\nMicroseconds, means of %d steps of 100 images or more; %s, %s; %s.' % (
            result['steps'], result['machine'], result['vectors'], result['date']))


# ---- READMEs

TABLES = {'log': log, 'runs': runs, 'results': results, 'pairs': pairs, 'readings': ranking, 'ladder': rungs,
          'scaling': scaling, 'speedrun': speedrun, 'steps': steps, 'bench': bench}
MARKED = re.compile(r'(<!-- (%s)(?:: (\S+))? -->\n).*?(<!-- /\2 -->)' % '|'.join(TABLES), re.S)


def with_tables(text, ja):
    """A README's text with what is between its marks made anew."""
    return MARKED.sub(lambda mark: '%s%s\n%s' % (mark[1], TABLES[mark[2]](mark[3], ja), mark[4]), text)


def main(arguments):
    settings.parse(__doc__, {}, {}, arguments)
    summary.write(RESULTS)
    for path in READMES:
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                text = file.read()
            write_whole(path, with_tables(text, path.endswith('.ja.md')).encode())
    for name, (module, words) in PICTURES.items():
        module.main([*words, 'png=' + os.path.join(HERE, name)])


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])

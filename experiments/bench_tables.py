"""The table of what bench.py has measured, and the paragraphs below it, in English and Japanese."""
import json
import os
import statistics

from paths import RESULTS
from markdown_tables import markdown, number
from runs import ARTICLE

VARIANTS = [('project, regularised', 'A step with dropout, decay, running means and shifts together',
             'dropout, decay, 重みの移動平均, shift をすべて使ったときの 1 ステップ'),
            ('project, distorted', 'With rotations, zooms and elastic distortions',
             'rotate, zoom, elastic を使ったとき')]
CONTENDERS = {'project': 'project', 'stock': 'stock', 'torch': 'torch', 'torch-compiled': 'torch-compiled',
              'torch-example': 'torch, as in its examples', 'tensorflow': 'tensorflow', 'jax': 'jax'}


def bench(name, ja=False):
    """The figures of bench.py: of json=FILE in results, or as a dictionary."""
    result = name
    if not isinstance(name, dict):
        with open(os.path.join(RESULTS, (name or 'bench') + '.json')) as file:
            result = json.load(file)
    nets = result['nets']
    columns = [c for c in CONTENDERS if any(c in net['seconds_per_epoch'] for net in nets.values())]
    head = ['net', '記事' if ja else 'article', *map(CONTENDERS.get, columns)] + ([
        '最速の相手との比', 'stock との比', '1 スレッドとの比', 'conv 順', 'conv 逆', 'step', 'step(勝者のみ)'] if ja else [
        'fastest peer / project', 'stock / project', 'one thread / %d' % result['threads'], 'conv forward',
        'conv backward', 'step', 'step, of winners'])
    rows = []
    for net, figures in nets.items():
        article = net in ARTICLE and ARTICLE[net].article.wall
        rows.append([net, number(article / 50, '%.1f') if article else ''] + [
            number(value) for value in [figures['seconds_per_epoch'].get(c) for c in columns] + ratios(figures)] + [
            number(figures['gflops'].get(key) and 100 * figures['gflops'][key] / result['peak_gflops'], '%.0f %%')
            for key in ('conv_forward', 'conv_backward', 'step', 'step_of_winners')])
    of_all = [[ratio for ratio in column if ratio] for column in zip(*map(ratios, nets.values()))]
    rows.append(['幾何平均' if ja else 'geometric mean', *[''] * (1 + len(columns)), *[
        number(statistics.geometric_mean(column) if column else None) for column in of_all], *[''] * 4])
    return markdown([head] + rows, range(1, len(head))) + '\n\n' + '\n\n'.join(bench_captions(result, ja))


def ratios(figures):
    """(fastest peer / project, stock / project, one thread / all threads), None where not measured."""
    seconds = figures['seconds_per_epoch']
    others = [s for c, s in seconds.items() if c not in ('project', 'stock')]
    return [other / seconds['project'] if other else None for other in (
        min(others, default=None), seconds.get('stock'), figures['project_one_thread'])]


def bench_captions(result, ja):
    """Paragraphs below the bench's table."""
    spread = max((high - low) / statistics.median(net['all'][c]) for net in result['nets'].values()
                 for c, (low, high) in net['spread'].items())
    NL = (' か ' if ja else ' or ').join(str(n) for n in sorted({net['NL'] for net in result['nets'].values()}))
    facts = dict(result, NL=NL, spread=100 * spread, versions=', '.join(result['versions']))
    yield ((
        '%(NL)s 枚(%(data)s)の 1 エポックの秒数,%(repeats)d 回の中央値(最大と最小の差は最大で %(spread).0f %%).%(threads)d '
        'スレッド,float32,エポックの最初の,多くとも %(minibatches)d ミニバッチから換算.終わりの 4 列は,このプロジェクトが FMA の'
        '最高速度 %(peak_gflops).0f GFLOP/s(1 スレッドの %(peak_one_thread_to_all).2f 倍)のうちどれだけに達したか(密な convolution の演算を'
        'すべて数えるので,max-pooling と画像の背景が不要にする演算の分だけ 100 %% を超えることがある.最後の列は,勾配については窓の勝者の'
        '演算だけを数える).記事: 所要時間 / 50,2015 年,6 コア 3.5 GHz Xeon の実質 1 コア分.'
        '%(machine)s, %(vectors)s; %(versions)s; %(date)s.') if ja else (
        'Seconds per training epoch of %(NL)s images (%(data)s), median of %(repeats)d (highest less lowest: at most '
        '%(spread).0f %% of it); %(threads)d threads, float32, scaled from the first %(minibatches)d minibatches at '
        'most. Last columns: share of the FMA peak, %(peak_gflops).0f GFLOP/s (%(peak_one_thread_to_all).2f times '
        'that of one thread), that this project reaches: all operations of a dense convolution count, also those that '
        'max-pooling and the background of images make needless, hence more than 100 %%; in the last column, only '
        'those of one winner for each window count in the gradients. Article: wall time / 50, in 2015, on a 6-core '
        '3.5 GHz Xeon, of which about one core was in use. %(machine)s, %(vectors)s; %(versions)s; %(date)s.')) % facts
    shares = [100 * net.get('checkpoint_share_of_epoch', 0) for net in result['nets'].values()]
    if all(shares):
        yield ('エポックごとのチェックポイントは,その %.1f〜%.1f %% かかる.' if ja else
               'A checkpoint after every epoch takes %.1f to %.1f %% of it.') % (min(shares), max(shares))
    for variant, en, ja_words in VARIANTS:
        times = [(net, figures['variants'][variant] / figures['seconds_per_epoch']['project'])
                 for net, figures in result['nets'].items() if variant in figures.get('variants', ())]
        if times:
            yield '%s: %s.' % (ja_words if ja else en, ', '.join('%s × %.3f' % item for item in times))
    if 'startup_seconds' in result:
        yield ('記事の最初の実験をプロセスとして: 全体で %(whole_run).1f 秒.nepoch=0 では,キャッシュがあれば %(warm_cache).1f 秒,'
               'なければ %(empty_cache).1f 秒.' if ja else
               'The article\'s first run as a process: %(whole_run).1f s from start to last line; with nepoch=0, '
               '%(warm_cache).1f s from a warm cache and %(empty_cache).1f s from an empty one.'
               ) % result['startup_seconds']

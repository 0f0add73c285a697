"""How far the figures that the article prints lie from those of trials, in standard deviations.

    distances({run: figures_of(article)}, {'a reading': {run: [figures_of(log) for log in logs]}, ...})
"""
import numpy as np

MOST = 10.                  # standard deviations that a figure counts for at most
PRIOR = 4                   # seeds that the variance pooled over the readings counts for
EXAMPLES = {'train': 50000, 'valid': 10000}


def figures_of(log):
    """{(epoch, what): value} of what a log prints before its test line: log cost; errors in %, 'train' and 'valid'."""
    found = {}
    for epoch, (cost, train, valid) in log.rows.items():
        found[epoch, 'cost'], found[epoch, 'train'], found[epoch, 'valid'] = np.log(cost), train, valid
    if log.test and log.test[0] not in log.rows:                    # its cost is that of the test examples
        found[log.test[0], 'train'], found[log.test[0], 'valid'] = log.test[2:4]
    return found


def least_variance(what, error):
    """The binomial variance of an error in %, of at least one example; 0 of a cost."""
    if what not in EXAMPLES:
        return 0.
    share = max(error / 100, 1 / EXAMPLES[what])
    return 1e4 * share * (1 - share) / EXAMPLES[what]


def errors_of_means(article, values):
    """{reading: {(epoch, what): (mean of the seeds, standard deviation of article - mean)}}, of one run.

    article: {(epoch, what): value}; values: {reading: [figures of a seed]}. The variance of the n seeds of one is drawn
    towards the median of all readings', which counts for PRIOR seeds, and is at least the binomial one; that of the
    difference is 1 + 1/n of it. Figures that fewer than half of the seeds get to are left out.
    """
    found = {reading: {} for reading in values}
    for key, printed in article.items():
        seeds = {reading: [figures[key] for figures in of if key in figures] for reading, of in values.items()}
        variances = [np.var(of, ddof=1) for of in seeds.values() if len(of) > 1]
        pooled = np.median(variances) if variances else 0.
        for reading, of in seeds.items():
            n = len(of)
            if n and 2 * n >= len(values[reading]):
                variance = max((n * np.var(of) + PRIOR * pooled) / (n - 1 + PRIOR), least_variance(key[1], printed))
                found[reading][key] = np.mean(of), np.sqrt(variance * (1 + 1 / n))
    return found


def distance(printed, mean, sd):
    return np.minimum(abs(printed - mean) / sd, MOST) if sd > 0 else MOST


def distances(article, trials):
    """{reading: {(run, epoch, what): |z|}} of the article's figures, each at most MOST; those not got to are MOST.

    article: {run: {(epoch, what): value}}; trials: {reading: {run: [figures of a seed]}}.
    """
    found = {reading: {} for reading in trials}
    for run, printed in article.items():
        values = {reading: of[run] for reading, of in trials.items() if of.get(run)}
        for reading, of_run in errors_of_means(printed, values).items():
            found[reading].update({(run, *key): float(distance(value, *of_run[key])) if key in of_run else MOST
                                   for key, value in printed.items()})
    return found


def differences(first, other):
    """{(run, epoch, what): |z| of the other reading less that of the first} of the figures that both have."""
    return {key: z - first[key] for key, z in other.items() if key in first}


def share_ahead(article, trials, first, second, draws=1000):
    """In what share of draws of the seeds, with replacement, the first reading lies nearer than the second."""
    rng, totals = np.random.RandomState(0), {first: np.zeros(draws), second: np.zeros(draws)}
    for run, printed in article.items():
        errors = errors_of_means(printed, {reading: of[run] for reading, of in trials.items() if of.get(run)})
        for reading, total in totals.items():
            seeds = trials[reading][run]
            drawn = rng.randint(len(seeds), size=(draws, len(seeds)))
            for key, (_, sd) in errors[reading].items():
                values = np.array([figures.get(key, np.nan) for figures in seeds])[drawn]
                means = np.nanmean(np.where(np.isnan(values).all(axis=1, keepdims=True), np.inf, values), axis=1)
                total += distance(printed[key], means, sd)
            total += MOST * (len(printed) - len(errors[reading]))
    return np.mean(totals[first] < totals[second])

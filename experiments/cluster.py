"""Trials on Dask workers: of a scheduler elsewhere, or started here.

    with connected('', workers=2) as client:
        failed = run_all(client, {(name, seed): arguments of worker.run_trial}, finished)
"""
import contextlib
import pickle
import queue
import signal
import sys
import tempfile
from multiprocessing import resource_tracker

from run.progress import Progress
from run.settings import SettingError
import worker


@contextlib.contextmanager
def connected(scheduler, workers, threads_per_worker=1):
    """A Dask client of the scheduler, or of workers started here, so many in a process. Raises SettingError."""
    import dask
    from distributed import Client, LocalCluster
    # A worker that is killed is not its trial's fault: trials are processes of their own. On a busy machine a new one
    # may take longer than the 15 s after which Dask would do without. Dask's profiler and its ticks, 50 a second, take
    # a fifth of a core from the trials.
    dask.config.set({'distributed.scheduler.allowed-failures': 1000, 'distributed.deploy.lost-worker-timeout': '1h',
                     'distributed.worker.profile.enabled': False, 'distributed.admin.tick.interval': '1s'})
    with contextlib.ExitStack() as stack:
        address = scheduler
        if not scheduler:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            with ctrl_c_waits():
                address = stack.enter_context(LocalCluster(
                    n_workers=workers // threads_per_worker, threads_per_worker=threads_per_worker, processes=True,
                    dashboard_address='127.0.0.1:0', memory_limit=0, local_directory=folder))
        try:
            client = stack.enter_context(Client(address, timeout='10s'))
        except OSError as error:
            raise SettingError('scheduler = %s: %s' % (scheduler or 'local', error)) from None
        yield client


@contextlib.contextmanager
def ctrl_c_waits():
    """Ctrl-C counts at the end of the block; processes and threads started inside never see it.

    Each of Dask's would print a traceback, and a cluster that is interrupted while it starts cannot be closed.
    """
    resource_tracker.ensure_running()                       # or else it would lift the mask
    received = []
    previous = signal.signal(signal.SIGINT, lambda *_: received.append(True))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, previous)
    if received:
        raise KeyboardInterrupt


class Sent:
    """A function that is sent as code, with the module worker: workers elsewhere have no path to them."""

    def __init__(self, function):
        import cloudpickle
        cloudpickle.register_pickle_by_value(worker)
        self.code, self.__name__ = cloudpickle.dumps(function), function.__name__        # the name is Dask's for tasks

    def __reduce__(self):                                    # what is unpickled is the function itself
        return pickle.loads, (self.code,)

    def __call__(self, *arguments):
        return pickle.loads(self.code)(*arguments)


def run_all(client, trials, finished, done=0, task=worker.run_trial):
    """Runs trials, {(name, seed): arguments of the task}, and calls finished(name, seed, its result) as each is done.

    finished returns (a line on it, has it failed?); done: trials that were there before. Returns how many failed.
    """
    arrived, phases, failed = queue.Queue(), {}, 0
    client.subscribe_topic('trials', lambda event: phases.update({tuple(event[1][:2]): event[1][2]}))
    futures, sent = {}, Sent(task)
    for trial, arguments in trials.items():
        future = client.submit(sent, *arguments, pure=False, retries=0)
        future.add_done_callback(arrived.put)
        futures[future] = trial
    total = done + len(futures)
    print('# %d trials to run' % len(futures), file=sys.stderr)
    with Progress(total) as progress:
        while futures:
            now = [phases.get(trial) for trial in futures.values()]
            counts = ['%d %s' % (now.count(phase), phase) for phase in ('compiling', 'running') if phase in now]
            progress.show(done + failed, '%d of %d trials done, %s, %d failed' % (
                done, total, ', '.join(counts) or 'starting', failed))
            with contextlib.suppress(queue.Empty):
                future = arrived.get(timeout=1)
                name, seed = futures.pop(future)
                try:
                    result = future.result()
                except Exception as error:                  # the worker's, whatever it is: this trial alone has failed
                    result = None, None, '%s: %s' % (type(error).__name__, error)
                line, has_failed = finished(name, seed, result)
                failed, done = failed + has_failed, done + (not has_failed)
                progress.clear()
                print('# %s, seed %d: %s (%d of %d done, %d failed)' % (name, seed, line, done, total, failed),
                      file=sys.stderr)
                future.release()
    return failed

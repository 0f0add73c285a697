"""What a Dask worker does for trials.py: a trial in a process of its own. It is sent to the worker as code."""
import contextlib
import glob
import hashlib
import itertools
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

try:
    import fcntl
except ImportError:                              # not on Windows: there, one worker is right
    fcntl = None


def run_trial(root, name, script, arguments, seed, threads, keep):
    """Runs a trial: (its log with lines on how it came about, its net as bytes, None), or (None, None, why it failed).

    script: '' for mnist_convnet.py, whose net is compiled before the time is taken, as no other script's is. keep: is
    the net wanted? Tells Dask's topic 'trials' when it compiles and when it runs.
    """
    from distributed import get_worker

    def tell(phase):
        get_worker().log_event('trials', [name, seed, phase])

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(compile_folder())
        flags = [os.environ.get('THEANO_FLAGS'), 'base_compiledir=' + folder]
        env = dict(os.environ, THEANO_FLAGS=','.join(filter(None, flags)), OMP_NUM_THREADS=str(threads))
        command = [sys.executable, os.path.join(root, 'experiments', 'trial.py'),
                   script or os.path.join(root, 'mnist_convnet.py'), *arguments]
        compiled = os.path.join(folder, 'compiled-' + fingerprint(root, arguments))
        if not script and not os.path.exists(compiled):
            tell('compiling')
            failure = process(command + ['nepoch=0'], env)[1]
            if failure:
                return None, None, failure
            open(compiled, 'w').close()
        tell('running')
        net = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), 'net.npz')
        start = time.time()
        log, failure = process(command + ['seed=%d' % seed] + ['save=' + net] * keep, env)
        seconds = time.time() - start
        diverged = re.match('status 3: (.*)', failure or '')               # from this seed always: a result like others
        if failure and not diverged:
            return None, None, failure
        log += '# diverged: %s\n' % diverged[1] if diverged else ''
        log += '# run: %s\n# threads: %d wall time: %.1f s\n' % (name, threads, seconds)
        if not os.path.exists(net):
            return log, None, None
        with open(net, 'rb') as file:
            return log, file.read(), None


@contextlib.contextmanager
def compile_folder():
    """The first of this machine's folders 0, 1, 2, ... that no other trial is using, as this one does until the end.

    No trial waits for another's compile lock, and a worker that starts anew finds what is compiled.
    """
    cache = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    base = os.path.join(cache, 'mnist-trials', platform.node())
    os.makedirs(base, exist_ok=True)
    for number in itertools.count():
        with open(os.path.join(base, '%d.lock' % number), 'a') as lock:
            if fcntl:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                except OSError:                                            # a file system without locks
                    pass
            folder = os.path.join(base, str(number))
            os.makedirs(folder, exist_ok=True)
            yield folder
            return


def fingerprint(root, arguments):
    """A hash of what a run is compiled from: Python, Theano's flags, the project's source, the arguments."""
    flags = os.environ.get('THEANO_FLAGS')
    digest = hashlib.sha256(repr((sys.version, flags, arguments)).encode())
    for folder in ('', 'fused/**/', 'run', 'theano_setup/**/'):
        for path in sorted(glob.glob(os.path.join(glob.escape(root), folder, '*.[chp]*'), recursive=True)):
            with open(path, 'rb') as file:
                digest.update(file.read())
    return digest.hexdigest()


def process(command, env):
    """Runs a command that ends when its stdin does: (what it prints, None or how it failed)."""
    with tempfile.TemporaryFile() as err, subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
            start_new_session=True) as child:                              # Ctrl-C is for the driver
        out = child.stdout.read().decode()                 # communicate() would close stdin
        child.wait()
        err.seek(0)
        last = err.read().decode(errors='replace').strip().split('\n')[-1]
    return out, None if child.returncode == 0 else 'status %d: %s' % (child.returncode, last)

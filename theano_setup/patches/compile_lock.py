"""The compile lock is let go of at Ctrl-C and at any error.

Symptom: after Ctrl-C while something is compiled, at a prompt, every other process waits for the lock of this one.
Cause: compilelock.lock_ctx has no `finally`; compilelock.lock, stopped halfway, leaves its folder behind.
For: Theano 1.0.5.
"""
import contextlib


def after_import(theano):
    from theano.gof import compilelock
    take = compilelock.lock

    @contextlib.contextmanager
    def lock_ctx(lock_dir=None, keep_lock=False, **options):
        compilelock.get_lock(lock_dir=lock_dir, **options)
        try:
            yield
        except BaseException:
            compilelock.release_lock()
            raise
        if not keep_lock:
            compilelock.release_lock()

    def lock(*args, **options):
        try:
            take(*args, **options)
        except BaseException:
            compilelock.get_lock.unlocker.unlock()            # unless it is another process's
            raise

    compilelock.lock_ctx, compilelock.lock = lock_ctx, lock

"""One trial as a process: a script such as mnist_convnet.py, with its arguments, which ends when stdin does.

Whoever starts it holds the other end of stdin: a worker that is killed leaves no trial behind.
"""
import os
import runpy
import sys
import threading

import paths


def end_with_stdin():
    os.read(0, 1)
    os._exit(1)


if __name__ == '__main__':
    threading.Thread(target=end_with_stdin, daemon=True).start()
    script = sys.argv.pop(1)
    sys.path[:0] = [os.path.dirname(script), paths.ROOT]
    try:
        runpy.run_path(script, run_name='__main__')
    finally:                                                 # of one that diverged, too
        from machine import machine
        from run.archive import versions
        print('# versions: ' + versions())
        print('# machine: ' + machine())

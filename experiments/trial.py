"""One trial as a process: mnist_convnet.py, with its arguments, which ends when stdin does.

Whoever starts it holds the other end of stdin: a worker that is killed leaves no trial behind.
"""
import os
import runpy
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def end_with_stdin():
    os.read(0, 1)
    os._exit(1)


if __name__ == '__main__':
    threading.Thread(target=end_with_stdin, daemon=True).start()
    sys.path[:0] = [ROOT, HERE]
    try:
        runpy.run_path(os.path.join(ROOT, 'mnist_convnet.py'), run_name='__main__')
    finally:                                                 # of one that diverged, too
        from machine import machine
        from run.saving import versions
        print('# versions: ' + versions())
        print('# machine: ' + machine())

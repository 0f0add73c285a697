"""Where the project lies. A script beside this file imports it first: then the project's modules are found, too.

From there on, Ctrl-C during the script's other imports is one line.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
RESULTS = os.path.join(HERE, 'results')


def ctrl_c_in_one_line(kind, error, traceback):
    """For sys.excepthook: other errors are as ever."""
    if issubclass(kind, KeyboardInterrupt):
        print('stopped by Ctrl-C', file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = ctrl_c_in_one_line
if ROOT not in sys.path:
    sys.path.insert(1, ROOT)                # behind the script's own folder

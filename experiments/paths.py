"""Where the project lies. A script beside this file imports it first: then the project's modules are found, too."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
RESULTS = os.path.join(HERE, 'results')

if ROOT not in sys.path:
    sys.path.insert(1, ROOT)                # behind the script's own folder

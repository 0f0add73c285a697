"""On PYTHONPATH while Theano is installed: puts back what its setup.py takes from configparser.

Missing: SafeConfigParser and ConfigParser.readfp, since Python 3.12.
Here: ConfigParser and its read_file, their names since Python 3.2.
"""
import configparser

if not hasattr(configparser, 'SafeConfigParser'):
    configparser.SafeConfigParser = configparser.ConfigParser
    configparser.RawConfigParser.readfp = configparser.RawConfigParser.read_file

"""Settings given to a script as name=value: one parser, one help, and every value checked before anything slow starts.

    settings.parse(__doc__, {'trials': 10}, {'trials': settings.POSITIVE_INT}, sys.argv[1:])       {'trials': 10}

A rule is a pair: a function that tells whether a value is allowed, and what to say is allowed.
"""
import ast
import difflib
import numbers
import os
import re
import shlex
import sys

from datasets.files import can_be_written


class SettingError(Exception):
    """A setting that is not known or not allowed: one line that names it, its value and what is allowed."""
    status = 2


# ---- rules

def is_int(value, least=1, most=10**9):
    """An integer, also of NumPy; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and least <= value <= most


def is_number(value, least=0., most=1e30):
    """A number, also of NumPy, that single precision holds with room to compute."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(least <= value <= most)


def integers(least, most):
    return (lambda value: is_int(value, least, most)), 'a whole number from %d to %d' % (least, most)


def one_of(*names):
    return (lambda value: value in names), 'one of ' + ', '.join(names)


def names_from(known):
    """Names separated by commas, each of them known."""
    return (lambda value: isinstance(value, str) and all(name in known for name in value.split(','))), \
        'names separated by commas, of ' + ', '.join(known)


def file_named(*suffixes):
    """'' or a file that could be written, with one of these suffixes."""
    def allowed(value):
        return isinstance(value, str) and '\0' not in value and (
            not value or value.lower().endswith(suffixes) and not os.path.isdir(value) and can_be_written(value))
    return allowed, "'' or a file FILE%s in a folder that exists and can be written" % ' or FILE'.join(suffixes)


def is_pair(value):
    return isinstance(value, tuple) and len(value) == 2 and all(is_int(v) for v in value)


POSITIVE_INT = integers(1, 10**9)
PAIR = is_pair, 'two whole numbers of at least 1, such as (5,5)'
BOOL = (lambda value: isinstance(value, bool)), 'True or False'
TEXT = (lambda value: isinstance(value, str)), 'text'
SEED = integers(0, 2**32 - 1)


def check(name, value, rule):
    """SettingError unless the rule allows the value."""
    if not fits(value, rule):
        raise SettingError('%s = %.200r: must be %s' % (name, value, rule[1]))


def fits(value, rule):
    """Whether the rule allows the value."""
    try:
        return bool(rule[0](value))
    except (TypeError, ValueError, OverflowError):      # an unhashable value, a path with a zero byte, an array
        return False


# ---- the parser

def parse(doc, defaults, rules, arguments, positional=0):
    """The settings as a dictionary: the defaults, with the arguments, name=value, in their place; all are checked.

    A value is a Python literal, (4,4) or 0.5 or True, or else plain text; nothing is executed. With positional,
    at least so many arguments without = come as a list under 'positional'. -h, --help and help print doc and every
    setting. Raises SettingError.
    """
    if {'-h', '--help', 'help'} & set(arguments):
        print(help_text(doc, defaults, rules))
        sys.exit(0)
    found, others = {name: defaults[name] for name in rules}, []
    for argument in arguments:
        name, equals, text = argument.partition('=')
        if name not in rules and positional and (not equals or not name.isidentifier()):
            others.append(argument)
        elif not equals or name not in rules:
            raise SettingError('%.200s: %s' % (argument or "''", nearest(name, rules) if equals else (
                'must be name=value; known are ' + ', '.join(rules) if rules else 'there are no settings')))
        else:
            found[name] = value_of(text, found[name], rules[name])
    for name, rule in rules.items():
        check(name, found[name], rule)
    if len(others) < positional:
        raise SettingError('%d arguments: must be at least %d, as --help tells' % (len(others), positional))
    return dict(found, positional=others) if positional else found


def value_of(text, default, rule=TEXT):
    """The value typed as text: a Python literal, but plain text where the default is text and the rule allows it."""
    try:
        value = ast.literal_eval(text) if len(text) < 1000 else text    # deep nesting can crash Python's parser
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    plain = isinstance(default, str) and not isinstance(value, str)
    return text if plain and (fits(text, rule) or not fits(value, rule)) else value


def nearest(name, known, kind='setting'):
    """What to say of an unknown name."""
    near = difflib.get_close_matches(name, known, 1, 0.5) or [other for other in known if other.lower() == name.lower()]
    return 'no %s of this name%s; known are %s' % (
        kind, ', did you mean %s?' % near[0] if near else '', ', '.join(known))


def help_text(doc, defaults, rules):
    if not rules:
        return doc.strip()
    width = max([len(typed(name, defaults[name])) for name in rules], default=0)
    return '\n'.join([doc.strip(), '', 'Settings, with their defaults:', ''] + [
        '    %s  %s' % (typed(name, defaults[name]).ljust(width), what) for name, (_, what) in rules.items()])


def typed(name, value):
    """A setting as one would type it in a shell: W1nch=64, "ds1=(4,4)"."""
    text = value if isinstance(value, str) else re.sub(', ', ',', repr(value))
    word = '%s=%s' % (name, text)
    quoted = shlex.quote(word)
    return quoted if quoted == word or re.search(r'["$`\\!]', word) else '"%s"' % word

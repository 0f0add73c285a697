"""How the project is built: imports go one way, a module defines and does nothing, the script is one page."""
import ast
import glob
import os

import pytest

from conftest import ROOT

# An import goes from a line to a lower one, or stays within a folder.
HOUSE = [{'mnist_convnet'}, {'training'}, {'run'}, {'mlp_2layer', 'mlp_3layer', 'mlp_4layer'}, {'mnist'}, {'convnet'},
         {'nnet'},
         {'datasets'}, {'fused'}, {'theano_setup'}]
LEVEL = {name: level for level, names in enumerate(HOUSE) for name in names}
SCRIPTS = [os.path.join(*path.split('/')) for path in (
    'mnist_convnet.py', 'theano_setup/__main__.py', 'theano_setup/build/sitecustomize.py')]
REGISTER = "Call(func=Attribute(value=Name(id='optdb', ctx=Load()), attr='register'"


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def modules():
    """{path of each module of the house: its syntax tree}."""
    paths = [path for name in LEVEL for pattern in (name + '.py', os.path.join(name, '**', '*.py'))
             for path in glob.glob(os.path.join(ROOT, pattern), recursive=True)]
    trees = {}
    for path in sorted(paths):                  # in one order in all processes that run the tests
        trees[os.path.relpath(path, ROOT)] = ast.parse(read(path), path)
    return trees


TREES = modules()


def home(path):
    """The name that the house knows a file by: its folder, or itself."""
    return os.path.splitext(path.split(os.sep)[0])[0]


def imported(tree):
    """The first parts of the names that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split('.')[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split('.')[0]


def test_every_module_has_a_place():
    there = {os.path.splitext(os.path.basename(path))[0] for path in glob.glob(os.path.join(ROOT, '*.py'))}
    there |= {os.path.basename(os.path.dirname(path)) for path in glob.glob(os.path.join(ROOT, '*', '*.py'))}
    assert there == set(LEVEL) | {'experiments', 'tests'}


@pytest.mark.parametrize('path', TREES)
def test_imports_go_one_way(path):
    names = set(imported(TREES[path])) - {home(path)}
    assert not names & {'experiments', 'tests'}
    wrong = {name for name in names if name in LEVEL and LEVEL[name] <= LEVEL[home(path)]}
    assert not wrong, '%s imports %s' % (path, ', '.join(wrong))


DEFINITIONS = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign


def is_definition(node):
    """Whether a statement only defines: an import or one that may fail, a function or class, a value, a docstring."""
    if isinstance(node, ast.Try):
        bodies = node.body + node.orelse + [inner for handler in node.handlers for inner in handler.body]
        return all(isinstance(inner, (ast.Import, ast.ImportFrom, ast.Assign)) for inner in bodies + node.finalbody)
    return isinstance(node, DEFINITIONS) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize('path', [path for path in TREES if path not in SCRIPTS])
def test_importing_a_module_only_defines(path):
    """Theano's set-up, and what registers an Op's rewrite with Theano, are what importing does here."""
    doing = [node for node in TREES[path].body if not is_definition(node) and not is_main(node) and not registers(node)]
    assert not doing or path == os.path.join('theano_setup', '__init__.py'), '%s, line %d' % (path, doing[0].lineno)


def registers(node):
    return isinstance(node, ast.Expr) and ast.dump(node.value).startswith(REGISTER)


def is_main(node):
    return isinstance(node, ast.If) and ast.dump(node.test).startswith("Compare(left=Name(id='__name__'")


def test_the_script_is_one_page():
    assert len(read(os.path.join(ROOT, 'mnist_convnet.py')).splitlines()) <= 100


MARK = 'no' 'qa'


def test_no_lint_marks():
    paths = glob.glob(os.path.join(ROOT, '**', '*.py'), recursive=True)             # without .venv: * is for no dots
    assert len(paths) > len(TREES) and not [path for path in paths if MARK in read(path)]


def test_lines_have_at_most_120_columns():
    others = [path for folder in ('tests', 'experiments', os.path.join('experiments', 'peers'))
              for path in glob.glob(os.path.join(ROOT, folder, '*.py'))]
    assert not ['%s:%d' % (path, n) for path in list(TREES) + others
                for n, line in enumerate(read(os.path.join(ROOT, path)).splitlines(), 1) if len(line) > 120]


def test_the_body_of_the_script_has_no_name_that_is_a_hyperparameter():
    """What is a setting is never the data, the net or the log: their names at IPython's prompt stay true."""
    tree = TREES['mnist_convnet.py']
    settings = {name.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
                for name in ast.walk(target) if isinstance(name, ast.Name)}
    body, = (node for node in tree.body if isinstance(node, ast.With))
    stored = {node.id for node in ast.walk(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert 'seed' in settings and 'net' in stored and not settings & stored

"""What all pictures share: colours, sizes, files. Matplotlib (`make extras`) is not needed to import this."""
import io

from datasets.files import write_whole
from run.settings import SettingError, file_named, is_number

# Okabe and Ito's, which the colour-blind tell apart.
BLUE, VERMILION, GREEN, GREY = '#0072B2', '#D55E00', '#009E73', '#999999'
INCH = 2.54                             # cm
DPI = 160                               # pixels per inch, of a PNG
TEXT, SMALL, FINE = 8, 7, 6.5           # points
FILE = file_named('.png', '.pdf', '.svg')
WIDTH = (lambda value: is_number(value, 6, 100)), 'cm, from 6 to 100: a column of text is some 8.5'
DEFAULT_WIDTH = 24


def load_matplotlib():
    """Raises SettingError where it is not there. No pyplot: pictures are drawn with a display or without."""
    try:
        import matplotlib
    except ImportError as error:
        raise SettingError('no matplotlib (%s): `make extras` adds it' % error)
    matplotlib.rcParams.update({
        'font.size': TEXT, 'axes.titlesize': TEXT, 'axes.labelsize': TEXT, 'legend.fontsize': TEXT,
        'xtick.labelsize': SMALL, 'ytick.labelsize': SMALL,
        'axes.linewidth': 0.6, 'grid.color': '#DDDDDD', 'grid.linewidth': 0.6, 'lines.linewidth': 1.2,
        'svg.fonttype': 'none', 'pdf.fonttype': 42, 'svg.hashsalt': ''})


def save(figure, path):
    """Writes a figure in the form that the path's suffix names. Raises FileError."""
    form, file = path.rpartition('.')[2].lower(), io.BytesIO()
    options = {'svg': {'metadata': {'Date': None}}, 'pdf': {'metadata': {'CreationDate': None}},
               'png': {'pil_kwargs': {'optimize': True}}}                      # the same figure is the same file
    figure.savefig(file, format=form, dpi=DPI, **options[form])
    write_whole(path, file.getvalue())


def as_label(name):
    """A name as matplotlib prints it: no formula between $, bytes that are no text as '?'."""
    return name.encode(errors='replace').decode().replace('$', r'\$')


def letters(inches, points=TEXT):
    """How many letters of this size stand in a line of so many inches."""
    return max(1, int(inches * 72 / (0.56 * points)))

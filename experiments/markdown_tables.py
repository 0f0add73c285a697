"""Tables in Markdown."""


def markdown(rows, right=()):
    """Rows as a table, the first as its head; right: numbers of the columns that are set flush right."""
    lines = ['| %s |' % ' | '.join(row) for row in rows]
    rule = '|%s|' % '|'.join('---:' if n in right else '---' for n in range(len(rows[0])))
    return '\n'.join([lines[0], rule] + lines[1:])


def number(value, form='%.2f'):
    return '' if value is None else form % value

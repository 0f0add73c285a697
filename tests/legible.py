"""Are the texts on a matplotlib Figure to be read? And: where are its images?"""
import itertools

import pytest

Text = pytest.importorskip('matplotlib.text', reason='matplotlib is missing: make extras').Text


def texts(figure, monkeypatch):
    """The strings on a figure, each with its box in pixels, as they are drawn."""
    drawn = {}
    draw = Text.draw

    def record(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            drawn[self] = Text.get_window_extent(self, renderer)
        return draw(self, renderer, *args, **kwargs)

    figure.draw_without_rendering()                  # the layout settles
    with monkeypatch.context() as patch:
        patch.setattr(Text, 'draw', record)
        figure.draw_without_rendering()
    return [(text.get_text(), box) for text, box in drawn.items()]


def assert_legible(figure, monkeypatch, width=24):
    """The figure is so many cm wide; every text lies within it, is 6 points high or more, and overlaps no other."""
    right, top = figure.get_size_inches() * figure.dpi
    assert figure.get_size_inches()[0] == pytest.approx(width / 2.54)
    found = texts(figure, monkeypatch)
    assert found
    for words, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= right and box.y1 <= top, (words, box, right, top)
        assert min(box.height, box.width * 3) * 72 / figure.dpi >= 6, words                   # upright or turned
    for (words, a), (others, b) in itertools.combinations(found, 2):
        assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (words, a, others, b)


def pictures_on(figure):
    """[(array, text right above, text right below)] of the small pictures on the page that a figure is."""
    page, found = figure.axes[0], []
    for image in page.images:
        left, right, bottom, top = image.get_extent()
        texts = [(text.get_position()[1], text.get_text()) for text in page.texts
                 if left <= text.get_position()[0] <= right]
        above = max(((y, words) for y, words in texts if y <= top), default=(None, None))[1]
        below = min(((y, words) for y, words in texts if y >= bottom), default=(None, None))[1]
        found.append((image.get_array(), above, below))
    return found


def title(figure):
    """The words above all."""
    (text,) = [text for text in figure.axes[0].texts if text.get_gid() == 'title']
    return text.get_text().replace('\n', ' ')

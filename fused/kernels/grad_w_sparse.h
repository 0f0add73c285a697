/* What the forms have in common: images with channels innermost, and what is done where something is not finite. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Prow * image_cols(s);
}

/* x (Xnch, Xrow, Xcol) -> (Prow, Pcol, Xnch). */
static void load_image(const Sizes *t, real *xs, const real *x)
{
    const Sizes s = FIXED(t);
    const len map = s.Xrow * s.Xcol;
    if (s.Xnch == 1)
        pad_image(t, xs, x);
    else if (s.Prow == s.Xrow && s.Pcol == s.Xcol)
        transpose(xs, s.Xnch, x, map, s.Xnch, map);
    else {
        memset(xs, 0, image_reals(s) * sizeof(real));
        for (len r = 0; r < s.Xrow; r++)
            transpose(xs + ((s.top + r) * s.Pcol + s.left) * s.Xnch, s.Xnch, x + r * s.Xcol, map, s.Xnch, s.Xcol);
    }
}

/* The same sums of a group's filter f, one by one and over every position, winner or not, where something is not
 * finite: 0 * Inf is NaN, and Theano's dense products let it through. y is room for Yrow * Ycol. */
static void add_every_position(const Sizes *t, real *sums, len f, const real *x, const real *gz, const word *winners,
                               real *y)
{
    const Sizes s = FIXED(t);
    feature_map_gradient(t, y, gz, winners);
    for (len r = 0; r < s.Yrow; r++)
        for (len c = 0; c < s.Ycol; c++, y++)
            for (len i = 0; i < s.Wrow; i++)
                for (len k = 0; k < s.Wcol * s.Xnch; k++)
                    sums[sum_at(s, f, k % s.Xnch, i, k / s.Xnch)] += *y * x[(r + i) * image_cols(s) + c * s.Xnch + k];
}

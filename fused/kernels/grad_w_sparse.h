/* What the forms have in common: the same sums of a group's filter f, one by one and over every position, winner or
 * not, where something is not finite: 0 * Inf is NaN, and Theano's dense products let it through. In x, pixels are step
 * reals apart; y is room for Yrow * Ycol. */
static void add_every_position(const Sizes *t, real *sums, len f, const real *x, len step, const real *gz,
                               const word *winners, real *y)
{
    const Sizes s = FIXED(t);
    feature_map_gradient(t, y, gz, winners);
    for (len r = 0; r < s.Yrow; r++)
        for (len c = 0; c < s.Ycol; c++, y++)
            for (len i = 0; i < s.Wrow; i++)
                for (len k = 0; k < s.Wcol * s.Xnch; k++)
                    sums[sum_at(s, f, k % s.Xnch, i, k / s.Xnch)] +=
                        *y * x[((r + i) * s.Pcol + c + k / s.Xnch) * step + k % s.Xnch];
}

/* Random numbers that follow from a key and a place alone, so that they can be drawn in any order, on any thread. */

/* A 32-bit number in which every bit depends on every bit of n: multiplications and shifts, as in the finalizers of
 * hash functions (constants: C. Wellons, "Prospecting for hash functions", 2018, lowbias32). */
ALWAYS_INLINE uint32_t hashed(uint32_t n)
{
    n = (n ^ n >> 16) * 0x7feb352du;
    n = (n ^ n >> 15) * 0x846ca68bu;
    return n ^ n >> 16;
}

/* A 32-bit key of a 64-bit one. */
ALWAYS_INLINE uint32_t short_key(int64_t key)
{
    return hashed((uint32_t)key + 0x9e3779b9u * hashed((uint32_t)((uint64_t)key >> 32)));
}

/* The random number of a place, of 32 bits. */
ALWAYS_INLINE uint32_t random_at(uint32_t key, uint32_t place)
{
    return hashed(key + hashed(place + 0x9e3779b9u));
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Of NEXUS_TEST_SEED, which repeats a run, or another one each time. */
export function testSeed(): number {
  return Number(process.env.NEXUS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
}

const MAX_CHUNK = 512;

interface Position {
  chunk: number;
  index: number;
}

/**
 * A sorted set of strings, ordered by UTF-16 code unit, in chunks of at most 512: adding and removing touch one chunk,
 * finding is two binary searches, counting a range adds up chunk lengths.
 */
export class OrderedKeys {
  #chunks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** No effect when the key is there. */
  add(key: string): void {
    if (this.#chunks.length === 0) this.#chunks.push([]);
    const at = this.#first(k => k < key);
    // Past the end of everything: append to the last chunk.
    const number = Math.min(at.chunk, this.#chunks.length - 1);
    const chunk = this.#chunks[number] as string[];
    const index = at.chunk === number ? at.index : chunk.length;
    if (chunk[index] === key) return;
    chunk.splice(index, 0, key);
    this.#size++;
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(number + 1, 0, chunk.splice(chunk.length >> 1));
  }

  /** No effect when the key is not there. */
  delete(key: string): void {
    const at = this.#first(k => k < key);
    const chunk = this.#chunks[at.chunk];
    if (chunk?.[at.index] !== key) return;
    chunk.splice(at.index, 1);
    this.#size--;
    if (chunk.length === 0) this.#chunks.splice(at.chunk, 1);
  }

  /** The first `limit` keys with the prefix that are greater than `after`, and how many there are in all. */
  range(
    prefix: string,
    after: string | undefined,
    limit = Number.POSITIVE_INFINITY,
  ): { keys: string[]; total: number } {
    const from = this.#first(k => k < prefix || (after !== undefined && k <= after));
    const to = this.#first(k => k < prefix || k.startsWith(prefix));
    const total = Math.max(0, this.#rank(to) - this.#rank(from));
    const wanted = Math.min(total, limit);
    const keys: string[] = [];
    for (let { chunk, index } = from; keys.length < wanted; chunk++, index = 0) {
      for (const key of (this.#chunks[chunk] as string[]).slice(index, index + wanted - keys.length))
        keys.push(key);
    }
    return { keys, total };
  }

  count(prefix: string): number {
    return this.range(prefix, undefined, 0).total;
  }

  /** Position of the first key for which `before` does not hold. `before` must hold for a run at the start only. */
  #first(before: (key: string) => boolean): Position {
    const chunk = bisect(this.#chunks.length, i => before((this.#chunks[i] as string[]).at(-1) as string));
    const keys = this.#chunks[chunk];
    return { chunk, index: keys ? bisect(keys.length, i => before(keys[i] as string)) : 0 };
  }

  #rank({ chunk, index }: Position): number {
    let rank = index;
    for (let i = 0; i < chunk; i++) rank += (this.#chunks[i] as string[]).length;
    return rank;
  }
}

/** The smallest i in 0..length for which `before(i)` does not hold. */
function bisect(length: number, before: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

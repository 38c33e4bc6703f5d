export interface Delayed {
  key: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Order of making: ties are served first come, first served. */
  seq: number;
}

const before = (a: Delayed, b: Delayed) => a.at < b.at || (a.at === b.at && a.seq < b.seq);

/** Keys by the time when they are due; each at most once, at its earliest time. */
export class DelayHeap {
  #heap: Delayed[] = [];
  readonly #due = new Map<string, Delayed>();
  #seq = 0;

  /** Keeps the earlier time when the key waits already. */
  add(key: string, at: number): void {
    const present = this.#due.get(key);
    if (present && present.at <= at) return;
    const entry = { key, at, seq: present?.seq ?? this.#seq++ };
    this.#due.set(key, entry);
    // An entry that was superseded stays in the heap until it surfaces, or until such entries are the majority.
    if (this.#heap.length > 2 * this.#due.size + 64) this.#rebuild();
    else this.#push(entry);
  }

  /** When the next one is due. */
  nextAt(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  /** Takes the next one that is due at `now`. */
  takeDue(now: number): string | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.#pop();
    this.#due.delete(first.key);
    return first.key;
  }

  clear(): void {
    this.#heap = [];
    this.#due.clear();
  }

  #dropStale(): void {
    for (let top = this.#heap[0]; top && this.#due.get(top.key) !== top; top = this.#heap[0]) this.#pop();
  }

  #rebuild(): void {
    this.#heap = [];
    for (const entry of this.#due.values()) this.#push(entry);
  }

  #push(entry: Delayed): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

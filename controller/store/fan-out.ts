import type { StoreEvent } from './store.ts';
import type { Watcher } from './watcher.ts';

/**
 * Hands committed groups to the watchers whose prefix matches. Prefixes that end in a slash are found by the path of
 * the key, so the cost of an event does not grow with watchers that it does not concern.
 */
export class FanOut {
  readonly #folders = new Map<string, Set<Watcher>>();
  readonly #others = new Map<string, Set<Watcher>>();

  add(watcher: Watcher): void {
    const index = this.#index(watcher.prefix);
    const watchers = index.get(watcher.prefix);
    if (watchers) watchers.add(watcher);
    else index.set(watcher.prefix, new Set([watcher]));
  }

  delete(watcher: Watcher): void {
    const index = this.#index(watcher.prefix);
    const watchers = index.get(watcher.prefix);
    if (watchers?.delete(watcher) && watchers.size === 0) index.delete(watcher.prefix);
  }

  /** The watchers of one prefix share one array of events. */
  publish(events: readonly StoreEvent[]): void {
    const matches = new Map<Set<Watcher>, StoreEvent[]>();
    const match = (watchers: Set<Watcher> | undefined, event: StoreEvent) => {
      if (!watchers) return;
      const batch = matches.get(watchers);
      if (batch) batch.push(event);
      else matches.set(watchers, [event]);
    };
    for (const event of events) {
      const { key } = event.entry;
      for (let i = key.indexOf('/'); i >= 0 && this.#folders.size > 0; i = key.indexOf('/', i + 1)) {
        match(this.#folders.get(key.slice(0, i + 1)), event);
      }
      for (const [prefix, watchers] of this.#others) if (key.startsWith(prefix)) match(watchers, event);
    }
    for (const [watchers, batch] of matches) for (const watcher of [...watchers]) watcher.push(batch);
  }

  closeAll(): void {
    for (const index of [this.#folders, this.#others]) {
      for (const watchers of [...index.values()]) for (const watcher of [...watchers]) watcher.close();
    }
  }

  #index(prefix: string): Map<string, Set<Watcher>> {
    return prefix.endsWith('/') ? this.#folders : this.#others;
  }
}

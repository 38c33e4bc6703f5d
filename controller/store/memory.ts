import { createMemoryLog } from './log.ts';
import { LogStore } from './log-store.ts';
import { resolveOptions, type StoreOptions } from './options.ts';
import { State } from './state.ts';
import type { Store } from './store.ts';

/** A Store that forgets everything when it is closed; otherwise as the one over SQLite. */
export function createMemoryStore(options: StoreOptions = {}): Store {
  const resolved = resolveOptions(options);
  return new LogStore(new State(0, [], resolved), createMemoryLog(), resolved);
}

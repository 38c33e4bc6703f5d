import { closeSync, openSync } from 'node:fs';
import { lockDatabase } from '../../controller/store/sqlite/lock.ts';
import { StoreError } from '../../controller/store/store.ts';
import { until } from './until.ts';

export interface MadeOnce {
  isThere: () => boolean | Promise<boolean>;
  make: () => Promise<void>;
  timeoutMs: number;
  /** For the error, when another process does not come to an end with it. */
  what: string;
}

/**
 * Makes something that several test files share, unless it is there: the first process does, and others wait for it. `file` is
 * a place for the lock, `<file>.lock`, which ends with the process that holds it.
 */
export async function madeOnce(file: string, { isThere, make, timeoutMs, what }: MadeOnce): Promise<void> {
  if (await isThere()) return;
  closeSync(openSync(`${file}.lock`, 'a', 0o600));
  const unlock = await until(() => tryLock(file), { timeoutMs, what: () => `${what}, by another test` });
  try {
    if (!(await isThere())) await make();
  } finally {
    unlock();
  }
}

/** Undefined while another process has it. */
function tryLock(file: string): (() => void) | undefined {
  try {
    return lockDatabase(file);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'Locked') return undefined;
    throw error;
  }
}

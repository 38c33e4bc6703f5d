import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store.ts';
import { isBusy, openError } from './failure.ts';
import { restrict } from './prepare.ts';

/**
 * Holds `<file>.lock` until the returned function is called or the process ends, however it ends: an exclusive lock of
 * the operating system, taken by SQLite on an empty database beside ours, so that reading ours stays possible.
 * Throws StoreError Locked.
 */
export function lockDatabase(file: string): () => void {
  const name = `${file}.lock`;
  let lock: DatabaseSync | undefined;
  try {
    restrict(name);
    lock = new DatabaseSync(name, { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return () => {
      lock?.close();
      lock = undefined;
    };
  } catch (error) {
    lock?.close();
    if (!isBusy(error)) throw openError(name, error);
    const message = `${file} is in use by another nexus server. Stop that one first, or give this one another folder`;
    throw new StoreError('Locked', message, undefined, { cause: error });
  }
}

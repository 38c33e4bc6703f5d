import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { LogStore } from './log-store.ts';
import { resolveOptions, type StoreOptions } from './options.ts';
import { REVISION_MARGIN } from './restore.ts';
import { loadState } from './sqlite/load.ts';
import { createSqliteLog } from './sqlite/sqlite-log.ts';
import { DatabaseThread } from './sqlite/thread.ts';
import type { Store } from './store.ts';

export interface SqliteStoreOptions extends StoreOptions {
  /** The database. Made, with its folder, when it is not there; `<file>-wal`, `-shm` and `.lock` appear beside it. */
  file: string;
}

/** Opens the server's database. Throws StoreError Corrupt, NewerSchema, Locked, Unavailable; then nothing was changed. */
export async function openSqliteStore({ file: name, ...rest }: SqliteStoreOptions): Promise<Store> {
  // One lock for one file, whatever links lead to it.
  const file = existsSync(name) ? realpathSync(name) : resolve(name);
  const options = resolveOptions(rest);
  const thread = new DatabaseThread();
  try {
    const found = await thread.call('open', file, 'server');
    // The former server of a backup went on after it: clients may know revisions that would now mean something else.
    const compactRevision = found.compactRevision + (found.isBackup ? REVISION_MARGIN : 0);
    const state = await loadState(thread, file, compactRevision, options);
    await thread.call('ready', found.isBackup ? compactRevision : undefined);
    // Before the first write, and beside whatever else a start does: it waits for the disk.
    thread.call('mark').catch(() => {});
    if (found.isBackup)
      options.log.info({ file }, 'took up a backup that was put in the place of the database');
    options.log.info({ file, revision: state.revision, keys: state.count('') }, 'opened the database');
    const log = createSqliteLog(thread, { swept: found.sweptRevision, revision: state.revision });
    return new LogStore(state, log, options, file);
  } catch (error) {
    await thread.close();
    throw error;
  }
}

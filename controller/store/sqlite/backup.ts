import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveOptions } from '../options.ts';
import type { BackupContent } from '../restore.ts';
import { type Entry, StoreError } from '../store.ts';
import { openError, writeError } from './failure.ts';
import { loadState } from './load.ts';
import { appendRows, snapshotRowOf } from './sqlite-log.ts';
import { DatabaseThread } from './thread.ts';

/**
 * Writes a database with `entries` as the state of `revision`, readable by its owner alone, and returns its size. It
 * can be restored, or put in the place of a server's database. Throws Unavailable; then `file` is as it was.
 */
export async function writeBackup(
  file: string,
  revision: number,
  entries: readonly Entry[],
): Promise<number> {
  const draft = `${file}.${randomUUID()}.tmp`;
  const thread = new DatabaseThread();
  try {
    await thread.call('open', draft, 'draft');
    const rows = entries.map(snapshotRowOf).sort(([a], [b]) => a - b);
    await appendRows(thread, rows, { base: 0, compactTo: revision });
    return await thread.call('publishBackup', revision, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw writeError(file, error);
  } finally {
    await thread.close();
  }
}

/** Reads a backup, also one of an older version, and leaves it as it is. Throws Corrupt, NewerSchema, Unavailable. */
export async function readBackup(file: string): Promise<BackupContent> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-restore-'));
  const copy = join(folder, 'copy.db');
  const thread = new DatabaseThread();
  try {
    await copyFile(file, copy);
    // There is one beside a server's own database that was moved away.
    if (existsSync(`${file}-wal`)) await copyFile(`${file}-wal`, `${copy}-wal`);
    if ((await stat(copy)).size === 0) throw new StoreError('Corrupt', `${file} is empty`);
    const { compactRevision } = await thread.call('open', copy, 'copy');
    const state = await loadState(thread, file, compactRevision, resolveOptions({}));
    return { revision: state.revision, entries: state.list('').entries };
  } catch (error) {
    throw withFileName(openError(file, error), copy, file);
  } finally {
    await thread.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The caller knows the file, not our copy of it; and what helps a server whose own database is broken is no help here. */
function withFileName(error: StoreError, copy: string, file: string): StoreError {
  const [what] = error.message.replaceAll(copy, file).split('. It was left as it is.') as [string];
  const advice = error.code === 'Corrupt' ? `${what}. Nothing was restored; take another backup` : what;
  return new StoreError(error.code, advice, undefined, { cause: error });
}

import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../store.ts';

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
/** Of what is beside a database while it is open. */
const LEAST_ROOM_BYTES = 64 * 1024;

/** SQLite's result code without its extension; undefined for errors of anything else. */
export function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_BUSY;
}

/** The sentence that tells an operator the way out. */
export function corruptError(file: string, what: string, cause?: unknown): StoreError {
  const message = `${file} ${what}. It was left as it is. To recover: stop the server, move ${file}, ${file}-wal and ${file}-shm (those that are there) to another folder, start the server and run "nexus restore BACKUP" with a file made by "nexus backup"`;
  return new StoreError('Corrupt', message, undefined, { cause });
}

/** What went wrong while a database was opened or read. */
export function openError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const code = sqliteCode(error);
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB)
    return corruptError(file, `is damaged (${detail})`, error);
  const why = isForbidden(error)
    ? `this user may not write to it (${detail}). Start the server as the user whose file it is`
    : isFull(file)
      ? 'no space is left on its disk. Make room (`df -h`), then try again'
      : detail;
  return new StoreError('Unavailable', `${file} cannot be opened: ${why}`, undefined, { cause: error });
}

function isForbidden(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}

/** SQLite tells it as one of several faults of the disk. */
function isFull(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < LEAST_ROOM_BYTES;
  } catch {
    return false;
  }
}

/** What went wrong while something was written. */
export function writeError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const message = `${file} cannot be written: ${detail}. Nothing was changed; check the disk and try again`;
  return new StoreError('Unavailable', message, undefined, { cause: error });
}

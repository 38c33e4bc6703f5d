import { StoreError } from '../store.ts';

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

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
  return new StoreError('Unavailable', `${file} cannot be opened: ${detail}`, undefined, { cause: error });
}

/** What went wrong while something was written. */
export function writeError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const message = `${file} cannot be written: ${detail}. Nothing was changed; check the disk and try again`;
  return new StoreError('Unavailable', message, undefined, { cause: error });
}

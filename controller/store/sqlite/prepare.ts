import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database } from './database.ts';
import { corruptError } from './failure.ts';
import { checkWriteAheadLog } from './write-ahead-log.ts';

/**
 * Makes a new database where there is none, under another name first: a file with our name is complete or damaged,
 * also after a crash. Throws StoreError Corrupt where one was and is gone or empty, or its write-ahead log is damaged.
 */
export function prepareFile(file: string): void {
  const size = sizeOf(file);
  if (size === 0) throw corruptError(file, 'is damaged (it is empty)');
  if (size !== undefined) {
    // SQLite would open for reading alone what may not be written, and refuse the first write.
    closeSync(openSync(file, 'r+'));
    checkWriteAheadLog(file);
    return;
  }
  if (sizeOf(`${file}-wal`)) throw corruptError(file, `is gone, but ${file}-wal is there`);
  const draft = `${file}.new`;
  rmSync(draft, { force: true });
  restrict(draft);
  new Database(draft, 'draft').close();
  publish(draft, file);
}

/** Creates the file, or leaves it, for its owner alone. */
export function restrict(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, 'wx', 0o600));
}

/** Gives a finished file its name, durably and all at once. */
export function publish(draft: string, file: string): void {
  sync(draft);
  renameSync(draft, file);
  sync(dirname(file));
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

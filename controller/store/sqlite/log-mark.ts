import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { META } from './schema.ts';

/**
 * The file without its write-ahead log says that there is more in that log; the file with the log says that there is not.
 * So a log that somebody removed is missed, and whoever moves a log into its file, as SQLite does at the end and the
 * sqlite3 tool where a server was killed, takes the mark away with it. A database without a mark says nothing.
 */
export class LogMark {
  readonly #db: DatabaseSync;
  /** The mark may be the last word of the log itself, also of one whose server was killed just then. */
  #isOpen: boolean;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#isOpen = isMarked(db);
  }

  /** Moves the log into the file and marks that. What is committed is durable all the same when this fails. */
  renew(): void {
    try {
      this.#isOpen = true;
      // Not both at once: the mark is for what was not marked before.
      if (!this.#checkpoint()) return;
      this.#set(1);
      this.#checkpoint();
    } catch {
      // The disk is full, or fails; the next commit tells.
    } finally {
      this.settle();
    }
  }

  /** Whether the log has the last word, so that the database may be closed. */
  settle(): boolean {
    if (!this.#isOpen) return true;
    try {
      this.#set(0);
      this.#isOpen = false;
    } catch {
      // It stays with its log.
    }
    return !this.#isOpen;
  }

  #set(value: 0 | 1): void {
    const sql = 'INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value';
    this.#db.prepare(sql).run(META.inLog, value);
  }

  /** False when somebody who reads keeps part of the log from being moved. */
  #checkpoint(): boolean {
    const { busy, log, checkpointed } = this.#db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as Record<
      'busy' | 'log' | 'checkpointed',
      number
    >;
    return busy === 0 && log === checkpointed;
  }
}

/** To be asked before SQLite is, which makes an empty one. */
export const hasLog = (file: string): boolean =>
  (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Of a file that has no log: whether it lacks it. */
export function isMarked(db: DatabaseSync): boolean {
  return db.prepare('SELECT value FROM meta WHERE name = ?').get(META.inLog)?.value === 1;
}

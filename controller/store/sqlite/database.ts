import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { corruptError, openError, writeError } from './failure.ts';
import { hasLog, isMarked, LogMark } from './log-mark.ts';
import { type Row, rowChecksum } from './row.ts';
import { APPLICATION_ID, createViews, inTransaction, META, migrate, pragmaNumber } from './schema.ts';

/** Rows looked at in one step of compaction: a few milliseconds, that is what a write waits at most. */
const SWEEP_ROWS = 500;
/** Free pages given back to the file system in one step, and how many it takes to begin. */
const VACUUM_PAGES = 256;
const VACUUM_FROM = 1_024;
/** How long a program that reads along, such as the sqlite3 tool, may hold up a commit. */
const BUSY_TIMEOUT_MS = 5_000;
/** Commits after which the write-ahead log is moved into the file; a step of compaction counts as several. */
const MARK_COMMITS = 1_000;
const SWEEP_COMMITS = 100;

/**
 * `server`: write-ahead log, every commit on disk before it returns.
 * `draft`: a new file that is filled once and synced at the end by whoever made it.
 * `copy`: a private copy of a backup, to be read once.
 */
export type Purpose = 'server' | 'draft' | 'copy';

/** The revision log in one SQLite file. Synchronous, for use in a worker thread. */
export class Database {
  readonly file: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  #reading: Iterator<Row, void> | undefined;
  /** A commit failed and it is not known yet that the file is as before it. */
  #isSuspect = false;
  readonly #mark: LogMark | undefined;
  #commits = 0;

  /** Checks, migrates and opens an existing file; creates an empty one. Throws StoreError Corrupt, NewerSchema, Unavailable. */
  constructor(file: string, purpose: Purpose) {
    this.file = file;
    let db: DatabaseSync | undefined;
    const isAlone = !hasLog(file);
    try {
      db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
      const isNew = pragmaNumber(db, 'page_count') === 0;
      if (!isNew) check(db, file);
      // It cannot be changed later, and saying it again would write.
      if (isNew) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
      if (purpose === 'server') db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      else db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF');
      db.exec('PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY');
      db.exec('PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864');
      migrate(db, file);
      if (isAlone && !isNew && isMarked(db))
        throw corruptError(file, `lacks its write-ahead log, ${file}-wal, and with it what was written last`);
      this.#db = db;
      if (purpose === 'server') this.#mark = new LogMark(db);
      this.#insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    } catch (error) {
      // Where there was no log, closing takes the empty one away.
      if (db && isAlone) db.close();
      else if (db) leave(db, file);
      throw openError(file, error);
    }
  }

  /** Views as this version has them. Apart from the opening, so that what turns out to be damaged was not written to. */
  createViews(): void {
    try {
      createViews(this.#db);
    } catch (error) {
      throw openError(this.file, error);
    }
  }

  /** From now on a write-ahead log that somebody removes is missed. */
  mark(): void {
    this.#mark?.renew();
  }

  meta(name: string): number {
    const value = this.#db.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.value;
    if (typeof value !== 'number') throw corruptError(this.file, `is damaged (it lacks ${name})`);
    return value;
  }

  setMeta(name: string, value: number): void {
    this.#db.prepare('UPDATE meta SET value = ? WHERE name = ?').run(value, name);
  }

  /** The next rows in revision order, about `chars` characters of them; empty at the end. Throws Corrupt. */
  read(chars: number): Row[] {
    const rows: Row[] = [];
    try {
      this.#reading ??= this.#rows();
      for (let size = 0; size < chars; ) {
        const { value: row, done } = this.#reading.next();
        if (done) break;
        rows.push(row);
        size += row[6].length;
      }
    } catch (error) {
      throw openError(this.file, error);
    }
    if (rows.length === 0) this.#reading = undefined;
    return rows;
  }

  /**
   * Adds rows after revision `base`, in one transaction over as many calls as it takes: durable when the call with
   * `commit` returns. When any call throws, nothing of it is in the file.
   */
  append(
    rows: readonly Row[],
    { base, compactTo, commit }: { base: number; compactTo?: number; commit: boolean },
  ): void {
    const db = this.#db;
    try {
      if (this.#isSuspect) this.#repair(base);
      if (!db.isTransaction) db.exec('BEGIN IMMEDIATE');
      for (const row of rows) this.#insert.run(...row, rowChecksum(row));
      if (compactTo !== undefined) this.setMeta(META.compactRevision, compactTo);
      if (commit) db.exec('COMMIT');
    } catch (error) {
      this.#undo(base);
      throw writeError(this.file, error);
    }
    if (commit) this.#committed(1);
  }

  /** One step towards `target`. Returns how far the log is swept. Throws Unavailable. */
  sweep(target: number): number {
    try {
      return inTransaction(this.#db, () => this.#sweepStep(target));
    } catch (error) {
      throw writeError(this.file, error);
    } finally {
      this.#vacuumStep();
      this.#committed(SWEEP_COMMITS);
    }
  }

  close(): void {
    this.#reading = undefined;
    if (this.#mark?.settle() === false) leave(this.#db, this.file);
    else this.#db.close();
  }

  /** Closes the database of a server with its files as they are: for one that turned out to be damaged. */
  leave(): void {
    this.#reading = undefined;
    leave(this.#db, this.file);
  }

  #committed(commits: number): void {
    this.#commits += commits;
    if (this.#isSuspect || this.#commits < MARK_COMMITS) return;
    this.#commits = 0;
    this.mark();
  }

  *#rows(): Generator<Row, void> {
    const statement = this.#db.prepare(
      'SELECT revision, key, created, deleted, create_revision, prev_revision, value, crc FROM log ORDER BY revision',
    );
    statement.setReturnArrays(true);
    for (const columns of statement.iterate() as unknown as Iterable<[...Row, number]>) {
      const crc = columns.pop() as number;
      const row = columns as unknown as Row;
      if (rowChecksum(row) !== crc)
        throw corruptError(this.file, `is damaged (checksum of revision ${row[0]})`);
      yield row;
    }
  }

  #sweepStep(target: number): number {
    const db = this.#db;
    if (target > this.meta(META.compactRevision)) this.setMeta(META.compactRevision, target);
    const from = this.meta(META.sweptRevision);
    const range = db
      .prepare(
        'SELECT count(*) AS rows, max(revision) AS last FROM (SELECT revision FROM log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?)',
      )
      .get(from, target, SWEEP_ROWS) as { rows: number; last: number | null };
    const to = range.rows < SWEEP_ROWS ? target : (range.last as number);
    // What a row of the range replaced, and deletions in the range: the row they removed has been replaced as well.
    db.prepare(
      `DELETE FROM log WHERE revision IN (
         SELECT prev_revision FROM log WHERE revision > ?1 AND revision <= ?2 AND prev_revision > 0
         UNION ALL SELECT revision FROM log WHERE revision > ?1 AND revision <= ?2 AND deleted)`,
    ).run(from, to);
    this.setMeta(META.sweptRevision, to);
    return to;
  }

  /** Gives some room back to the file system when there is much. A failure is not one of the store. */
  #vacuumStep(): void {
    try {
      const free = pragmaNumber(this.#db, 'freelist_count');
      if (free > VACUUM_FROM && free * 2 > pragmaNumber(this.#db, 'page_count')) {
        this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      }
    } catch {
      // It is tried again at the next step.
    }
  }

  #undo(base: number): void {
    this.#isSuspect = true;
    try {
      this.#repair(base);
    } catch {
      // The disk still fails: the next append repairs first.
    }
  }

  /**
   * Makes sure that nothing after `base` is in the file. The counter makes it a real commit, which overwrites frames
   * that the failed one may have left in the write-ahead log and that a recovery could otherwise take for good.
   */
  #repair(base: number): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    inTransaction(this.#db, () => {
      this.#db.prepare('DELETE FROM log WHERE revision > ?').run(base);
      this.setMeta(META.repairs, this.meta(META.repairs) + 1);
    });
    this.#isSuspect = false;
  }
}

/**
 * The last one who closes a database moves its write-ahead log into it. Somebody who may only read does not, so that one
 * closes last.
 */
function leave(db: DatabaseSync, file: string): void {
  let last: DatabaseSync | undefined;
  try {
    last = new DatabaseSync(file, { readOnly: true });
    last.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch {
    // What cannot be read is not moved either.
  }
  db.close();
  last?.close();
}

/** Throws StoreError Corrupt unless the file is a sound database of ours. */
function check(db: DatabaseSync, file: string): void {
  if (pragmaNumber(db, 'application_id') !== APPLICATION_ID)
    throw corruptError(file, 'is not a database of nexus');
  const problem = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  if (problem !== 'ok') throw corruptError(file, `is damaged (${problem})`);
}

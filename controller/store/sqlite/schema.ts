import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store.ts';
import { VIEWS } from './views.ts';

/** "NXUS": tells our files from other programs' databases. */
export const APPLICATION_ID = 0x4e585553;

/**
 * Each entry takes a database from the version that is its index to the next. Never edit one that was released.
 *
 * `log` is append-only but for compaction, one row a revision. `value` is the object as JSON with its resourceVersion;
 * of a deletion, the last state. `crc` covers the rest of the row. `meta`: see META.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE log (
     revision INTEGER PRIMARY KEY,
     key TEXT NOT NULL,
     created INTEGER NOT NULL,
     deleted INTEGER NOT NULL,
     create_revision INTEGER NOT NULL,
     prev_revision INTEGER NOT NULL,
     value TEXT NOT NULL,
     crc INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX log_key ON log (key, revision);
   CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   INSERT INTO meta VALUES ('compact_revision', 0), ('swept_revision', 0), ('is_backup', 0), ('repairs', 0);`,
];

export const META = {
  /** Rows after it are the history, without a gap; up to it only the latest of each key counts. */
  compactRevision: 'compact_revision',
  /** What was superseded at this revision has been removed. */
  sweptRevision: 'swept_revision',
  /** 1 in a file made by a backup, until a server opens it as its own. */
  isBackup: 'is_backup',
  /** How often a commit failed and was undone. */
  repairs: 'repairs',
  /** 1 in a file whose write-ahead log has more; absent as good as 0, also in what an earlier version wrote. See LogMark. */
  inLog: 'in_log',
} as const;

/** Brings a database to the newest version, each step whole or not at all. Throws StoreError NewerSchema. */
export function migrate(db: DatabaseSync, file: string, migrations: readonly string[] = MIGRATIONS): void {
  const version = pragmaNumber(db, 'user_version');
  if (version > migrations.length) {
    const message = `${file} was written by a newer version of nexus (schema ${version}, this one knows up to ${migrations.length}). Run the newer version, or restore a backup made by this one`;
    throw new StoreError('NewerSchema', message);
  }
  for (let from = version; from < migrations.length; from++) {
    inTransaction(db, () => {
      db.exec(migrations[from] as string);
      db.exec(`PRAGMA user_version = ${from + 1}; PRAGMA application_id = ${APPLICATION_ID}`);
    });
  }
}

/** Makes the views anew, so that they are always those of this version. */
export function createViews(db: DatabaseSync): void {
  const current = db.prepare("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?");
  const stale = Object.entries(VIEWS)
    .map(([name, query]) => ({ name, sql: `CREATE VIEW ${name} AS ${query}` }))
    .filter(({ name, sql }) => current.get(name)?.sql !== sql);
  if (stale.length === 0) return;
  inTransaction(db, () => {
    for (const { name, sql } of stale) db.exec(`DROP VIEW IF EXISTS ${name}; ${sql}`);
  });
}

export function pragmaNumber(db: DatabaseSync, name: string): number {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0] as number;
}

/** Commits what `work` did, or undoes it and throws. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk has rolled back by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

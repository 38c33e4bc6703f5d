import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../store.ts';
import { Database, type Purpose } from './database.ts';
import { openError } from './failure.ts';
import { lockDatabase } from './lock.ts';
import { prepareFile, publish, restrict } from './prepare.ts';
import type { Row } from './row.ts';
import { META } from './schema.ts';

/** What a thread may be asked to do with its one database. Synchronous; errors are StoreErrors. */
export interface Operations {
  open(file: string, purpose: Purpose): { compactRevision: number; sweptRevision: number; isBackup: boolean };
  read(chars: number): Row[];
  append(rows: readonly Row[], options: { base: number; compactTo?: number; commit: boolean }): void;
  /** Finishes a backup of `revision`, closes it and gives it its name. Returns its size in bytes. */
  publishBackup(revision: number, file: string): number;
  /** The log was read and is sound: makes the views, and a backup one's own, of which history up to `adoptAt` is not to be served. */
  ready(adoptAt?: number): void;
  /** From now on a write-ahead log that somebody removes is missed. */
  mark(): void;
  sweep(target: number): number;
  close(): void;
}

/** One set of operations is one database, of whoever calls them. */
export function createOperations(): Operations {
  let database: Database | undefined;
  /** A server's database was opened and is not known to be sound. */
  let isDoubtful = false;
  let unlock = () => {};

  function opened(): Database {
    if (!database) throw new StoreError('Closed', 'no database is open');
    return database;
  }

  return {
    open(file, purpose) {
      try {
        if (purpose === 'server') {
          mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
          unlock = lockDatabase(file);
          prepareFile(file);
        }
        if (purpose === 'draft') restrict(file);
        database = new Database(file, purpose);
        isDoubtful = purpose === 'server';
      } catch (error) {
        unlock();
        throw openError(file, error);
      }
      return {
        compactRevision: database.meta(META.compactRevision),
        sweptRevision: database.meta(META.sweptRevision),
        isBackup: database.meta(META.isBackup) === 1,
      };
    },
    read: chars => opened().read(chars),
    append: (rows, options) => opened().append(rows, options),
    publishBackup(revision, file) {
      const draft = opened();
      draft.createViews();
      draft.setMeta(META.sweptRevision, revision);
      draft.setMeta(META.isBackup, 1);
      draft.close();
      database = undefined;
      publish(draft.file, file);
      return statSync(file).size;
    },
    ready(adoptAt) {
      opened().createViews();
      isDoubtful = false;
      if (adoptAt === undefined) return;
      opened().setMeta(META.compactRevision, adoptAt);
      opened().setMeta(META.isBackup, 0);
    },
    mark: () => opened().mark(),
    sweep: target => opened().sweep(target),
    close() {
      if (isDoubtful) database?.leave();
      else database?.close();
      database = undefined;
      unlock();
    },
  };
}

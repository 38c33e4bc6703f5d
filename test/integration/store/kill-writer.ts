/**
 * Writes until it is killed: `node kill-writer.ts FILE ROUND JOURNAL`. Says in the journal, which outlives it, what it is
 * about to write (`? key value`) and what was acknowledged (`! key value revision`); the value `-` is a delete. Says a dot
 * on standard output for each that was acknowledged.
 */
import { openSync, writeSync } from 'node:fs';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import { keyOf, sample } from '../../support/store-objects.ts';

const WRITERS = 16;
const [file, round, journalFile] = process.argv.slice(2) as [string, string, string];
const journal = openSync(journalFile, 'w');
const store = await openSqliteStore({ file, historyEvents: 500, compactEvery: 100 });
let count = 0;

async function write(writer: number): Promise<void> {
  for (;;) {
    const number = count++;
    const name = `w${writer}-${number % 7}`;
    const key = keyOf(name);
    const current = store.get(key);
    // Large enough for many pages; tells by itself whether it is whole.
    const value = `${round}.${number}.`.repeat(1 + (number % 300));
    const isDelete = current !== undefined && number % 5 === 0;
    writeSync(journal, `? ${key} ${isDelete ? '-' : value}\n`);
    const entry = isDelete
      ? await store.delete(key, current.revision)
      : current
        ? await store.update(key, sample(name, value), current.revision)
        : await store.create(key, sample(name, value));
    writeSync(journal, `! ${key} ${isDelete ? '-' : value} ${entry.revision}\n`);
    process.stdout.write('.');
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, i) => write(i)));

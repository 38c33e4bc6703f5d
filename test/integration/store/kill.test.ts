import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openSqliteStore } from '../../../controller/store/sqlite.ts';
import { specValue } from '../../support/store-objects.ts';
import { temporaryFolder } from './folder.ts';

const ROUNDS = 30;
const WRITER = join(import.meta.dirname, 'kill-writer.ts');

/** What is known of a key: the last write that was acknowledged, and one that may or may not have happened. */
interface Known {
  acknowledged: string | undefined;
  revision: number;
  attempted?: string | undefined;
}

// On a busy machine thirty starts take their time.
t.setTimeout(300_000);

t.test('a process killed while it writes, again and again, loses nothing that it acknowledged', async t => {
  const file = join(temporaryFolder(t), 'nexus.db');
  const known = new Map<string, Known>();
  let acknowledged = 0;
  let unanswered = 0;
  let highest = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const journal = await runAndKill(file, round);
    for (const line of journal.slice(0, journal.lastIndexOf('\n')).split('\n')) {
      const [mark, key = '', text = '', revision] = line.split(' ');
      const value = text === '-' ? undefined : text;
      const before = known.get(key) ?? { acknowledged: undefined, revision: 0 };
      if (mark === '?') known.set(key, { ...before, attempted: value });
      if (mark !== '!') continue;
      known.set(key, { acknowledged: value, revision: Number(revision) });
      highest = Math.max(highest, Number(revision));
      acknowledged++;
    }
    const store = await openSqliteStore({ file });
    const problems: string[] = [];
    if (store.revision < highest)
      problems.push(`revision ${store.revision} is below the acknowledged ${highest}`);
    const keys = new Set(store.list('').entries.map(e => e.key));
    for (const [key, state] of known) {
      keys.delete(key);
      const entry = store.get(key);
      const value = entry && (specValue(JSON.parse(entry.json)) as string);
      const isAcknowledged = value === state.acknowledged && (!entry || entry.revision === state.revision);
      const isAttempted =
        'attempted' in state &&
        value === state.attempted &&
        (entry?.revision ?? highest + 1) > state.revision;
      if (!isAcknowledged && !isAttempted)
        problems.push(`${key} is ${value?.slice(0, 20)} at ${entry?.revision}`);
      if (!isAcknowledged) unanswered++;
      known.set(key, { acknowledged: value, revision: entry?.revision ?? state.revision });
    }
    for (const key of keys) problems.push(`${key} was never written`);
    await store.close();
    t.strictSame(problems, [], `round ${round}`);
  }
  t.comment(`${acknowledged} acknowledged writes, ${unanswered} unanswered ones that were durable`);
  t.ok(acknowledged > ROUNDS * 10, 'it was killed in the middle of work');
});

/** Starts the writer, kills it at some moment of its work and returns its journal. */
async function runAndKill(file: string, round: number): Promise<string> {
  const journal = `${file}.journal.txt`;
  const child = spawn(process.execPath, [WRITER, file, String(round), journal], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A moment that differs from round to round, counted in what was acknowledged, not in time.
  let left = 1 + Math.floor(Math.random() * 250);
  child.stdout.on('data', (dots: Buffer) => {
    left -= dots.length;
    if (left <= 0) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself in round ${round}`);
  return readFileSync(journal, 'utf8');
}

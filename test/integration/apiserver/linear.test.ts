import { randomInt } from 'node:crypto';
import t from 'tap';
import { BenchClient } from '../../support/api-bench-target.ts';
import { violations } from '../../support/linear-history.ts';
import { until } from '../../support/until.ts';
import { CM } from './lab.ts';
import { ask, historyOf, KilledServer, Watcher, Worker } from './linear-lab.ts';

const WORKERS = 10;
const WATCHERS = 3;
const KILLS = 4;
/** Operations between two kills, at least. */
const OPERATIONS = 300;

t.setTimeout(300_000);

t.test('objects are as if there were one copy of each, over kills of the server while it writes', async t => {
  const server = new KilledServer();
  const probe = new BenchClient(await server.target());
  t.teardown(async () => {
    probe.close();
    await server.close();
  });
  const start = (await ask(probe, 'GET', CM)).body;
  let goesOn = true;
  let end: number | undefined;
  const workers = Array.from({ length: WORKERS }, (_, id) => new Worker(id));
  const watchers = Array.from(
    { length: WATCHERS },
    () => new Watcher(Number(start.metadata.resourceVersion)),
  );
  const working = workers.map(one => one.run(server, () => goesOn));
  const watching = watchers.map(one => one.run(server, () => end));
  const done = () => workers.reduce((sum, { operations }) => sum + operations.length, 0);
  for (let kill = 0; kill <= KILLS; kill++) {
    const enough = done() + OPERATIONS + randomInt(OPERATIONS);
    const waiting = {
      timeoutMs: 30_000,
      what: () => `${enough} operations; there are ${done()}`,
      everyMs: 1,
    };
    await Promise.race([until(() => done() >= enough, waiting), ...working, ...watching]);
    if (kill < KILLS) await server.kill();
  }
  goesOn = false;
  await Promise.all(working);
  const last = new Worker(WORKERS);
  end = await last.finish(probe);
  await Promise.all(watching);

  const history = historyOf([...workers, last], watchers);
  const outcomes = Map.groupBy(history.operations, one =>
    one.kind === 'read' ? 'read' : `${one.kind} ${typeof one.outcome === 'number' ? 'done' : one.outcome}`,
  );
  t.comment(
    [...outcomes]
      .map(([what, { length }]) => `${what}: ${length}`)
      .sort()
      .join(', '),
  );
  t.comment(
    `${history.snapshots.length} lists, ${history.watches[0]?.length} events to each of ${WATCHERS} watchers, ${KILLS} kills`,
  );
  t.strictSame(violations(history), []);
  for (const what of ['put done', 'put refused', 'put unknown', 'delete done'])
    t.ok(outcomes.has(what), `there was ${what}`);
});

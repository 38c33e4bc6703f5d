import { PassThrough, Readable } from 'node:stream';
import t, { type Test } from 'tap';
import type { CommandContext } from '../../../cli/command.ts';
import { EXIT } from '../../../cli/errors.ts';
import { waitUntilReady } from '../../../cli/wait/ready.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { NEEDS_CHANGE } from '../../../crds/vocabulary.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';
import { until } from '../../support/until.ts';

const PATH = '/apis/nexus.dev/v1alpha1/namespaces/default/workspaces/shop';

function workspace(phase: string, message: string): Workspace {
  const condition = { type: 'ServicesReady', status: 'False', reason: 'ServiceExited', message };
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'shop', namespace: 'default', generation: 1 },
    spec: {},
    status: { phase, message, observedGeneration: 1, conditions: [{ ...condition, observedGeneration: 1 }] },
  } as Workspace;
}

function lab(t: Test) {
  const api = new TinyApi();
  const clock = new FakeClock();
  const notes: string[] = [];
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const context = {
    io: { stdin: Readable.from([]), stdout, stderr, env: {}, cwd: '/' },
    clock,
    signal: new AbortController().signal,
    home: t.testdir(),
    note: (line: string) => notes.push(line),
    verbose() {},
  } as unknown as CommandContext;
  const client = createClient({ transport: api, clock });
  const seen = (what: string) =>
    until(() => notes.some(note => note.includes(what)), {
      timeoutMs: 5000,
      what: () => `${what}: ${notes}`,
    });
  return { api, clock, notes, context, client, seen };
}

const isOver = (waiting: Promise<number>) =>
  Promise.race([waiting.then(() => true), new Promise(resolve => setImmediate(() => resolve(false)))]);

t.test('one that goes on failing is waited for only so long, and its way out is told', async t => {
  const { api, clock, notes, context, client, seen } = lab(t);
  api.put(PATH, workspace('Creating', 'web is being started'));
  const waiting = waitUntilReady(client, [workspace('Creating', '')], 600_000, context, {
    degradedMs: 30_000,
  });
  const put = async (phase: string, message: string) => {
    api.put(PATH, workspace(phase, message));
    await seen(message);
  };
  await seen('web is being started');
  await clock.advance(60_000);
  await put('Degraded', 'web ended once');
  await clock.advance(29_000);
  await put('Creating', 'web is tried again');
  await clock.advance(29_000);
  await put('Degraded', 'web ended twice');
  await clock.advance(29_000);
  t.equal(await Promise.race([waiting, Promise.resolve('waits')]), 'waits');
  await clock.advance(1000);
  t.equal(await waiting, EXIT.failed);
  t.match(notes.slice(-2), [
    'error: shop is not ready, and goes on being tried: web ended twice',
    /^next: nexus logs shop/,
  ]);
});

t.test('ready is what stays so for a moment, where no health check tells', async t => {
  const { api, clock, context, client, seen } = lab(t);
  const web = { name: 'web', command: 'serve' };
  const store = (phase: string, message: string, service: object = web) => {
    const { status, ...rest } = workspace(phase, message);
    const value = phase === 'Running' ? 'True' : 'False';
    const conditions = [{ type: 'Ready', status: value, reason: message, message, observedGeneration: 1 }];
    const spec = { services: [service] };
    api.put(PATH, { ...rest, spec, status: { ...status, conditions } } as Workspace);
  };
  const put = async (...what: Parameters<typeof store>) => {
    store(...what);
    await seen(what[1]);
  };
  const wait = () => waitUntilReady(client, [workspace('Creating', '')], 600_000, context);
  store('Creating', 'it begins');
  const waiting = wait();
  await seen('it begins');
  await put('Running', 'for now');
  await clock.advance(1900);
  await put('Degraded', 'web ended');
  await clock.advance(60_000);
  t.equal(await isOver(waiting), false, 'it was ready for too short a time');
  await put('Running', 'again');
  await clock.advance(1900);
  t.equal(await isOver(waiting), false);
  await clock.advance(100);
  t.equal(await waiting, EXIT.done);
  t.equal(await wait(), EXIT.done, 'one that was ready before is not waited for');

  const checked = { ...web, healthCheck: { tcp: {} } };
  store('Creating', 'anew', checked);
  const second = wait();
  await seen('anew');
  await put('Running', 'healthy', checked);
  t.equal(await second, EXIT.done, 'at once where a check has told');
});

t.test('one whose node is silent is told of at once, and not waited for to the end', async t => {
  const { api, clock, notes, context, client, seen } = lab(t);
  const put = (spec: Workspace['spec'], phase = 'Unknown') => {
    const { status, ...rest } = workspace(phase, phase);
    const reason = phase === 'Unknown' ? 'NodeUnreachable' : 'ServicesStarting';
    const condition = { type: 'Ready', status: 'Unknown', reason, message: phase, observedGeneration: 1 };
    const value = { ...status, nodeName: 'n2', conditions: [condition] };
    api.put(PATH, { ...rest, spec, status: value } as Workspace);
  };
  const wait = () => waitUntilReady(client, [workspace('Running', '')], 300_000, context);
  const end = async (waiting: Promise<number>) => {
    await seen('shop: node n2 is silent');
    await clock.advance(10_000);
    t.equal(await waiting, EXIT.timeout);
    t.match(notes.pop(), 'next: nexus node describe n2');
    return notes.splice(0).pop();
  };
  put({ running: false });
  t.match(await end(wait()), /^error: node n2 is silent: shop is stopped once its agent is heard again/);
  put({});
  t.match(await end(wait()), /^error: node n2 is silent: shop becomes as declared once/);

  put({});
  const heard = wait();
  await seen('shop: node n2 is silent');
  await clock.advance(9_000);
  put({}, 'Creating');
  await seen('shop: Ready Unknown ServicesStarting');
  await clock.advance(60_000);
  put({});
  await until(() => notes.filter(note => note.includes('is silent')).length === 2, {
    timeoutMs: 5000,
    what: () => `it to be silent again: ${notes}`,
  });
  t.match(await end(heard), /^error: node n2 is silent/);

  put({ onNodeLoss: 'Reschedule' });
  const moves = wait();
  await seen('shop: Ready Unknown NodeUnreachable');
  await clock.advance(290_000);
  t.notMatch(notes.join('\n'), /silent/);
  await clock.advance(10_000);
  t.equal(await moves, EXIT.timeout);
});

t.test('what only a change ends is told once it stood for a moment, what may pass is waited for', async t => {
  const { api, clock, notes, context, client, seen } = lab(t);
  const store = (reason: string, message: string) => {
    const { status, ...rest } = workspace('Degraded', message);
    const condition = { type: 'RepositoryReady', status: 'False', reason, message, observedGeneration: 1 };
    const value = { ...status, conditions: [condition] };
    api.put(PATH, { ...rest, spec: { image: 'debian:99' }, status: value } as Workspace);
  };
  const put = async (...what: Parameters<typeof store>) => {
    store(...what);
    await seen(what[1]);
  };
  const wait = () => waitUntilReady(client, [workspace('Creating', '')], 300_000, context);
  store('Cloning', 'it begins');
  const waiting = wait();
  await seen('it begins');
  await put('RefNotFound', 'no branch y');
  await clock.advance(2_900);
  await put('Cloning', 'it is cloned');
  await put('CloneFailed', 'out of reach');
  await clock.advance(60_000);
  t.equal(await isOver(waiting), false, 'the network may come back');
  await put('RefNotFound', 'no branch z');
  await clock.advance(3_000);
  t.equal(await waiting, EXIT.failed);
  t.match(notes.slice(-2), [
    'error: shop cannot become ready: no branch z',
    'next: nexus edit ws shop   (spec.repo.ref)',
  ]);
  for (const reason of NEEDS_CHANGE) {
    notes.length = 0;
    store(reason, reason);
    const again = wait();
    await seen(reason);
    await clock.advance(3_000);
    t.equal(await again, EXIT.failed, reason);
    t.match(notes.slice(-2), [`error: shop cannot become ready: ${reason}`, /^next: nexus /]);
  }
});

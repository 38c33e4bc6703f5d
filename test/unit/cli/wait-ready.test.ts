import { PassThrough, Readable } from 'node:stream';
import t from 'tap';
import type { CommandContext } from '../../../cli/command.ts';
import { EXIT } from '../../../cli/errors.ts';
import { waitUntilReady } from '../../../cli/wait/ready.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
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

t.test('one that goes on failing is waited for only so long, and its way out is told', async t => {
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
  api.put(PATH, workspace('Creating', 'web is being started'));
  const waiting = waitUntilReady(client, [workspace('Creating', '')], 600_000, context, {
    degradedMs: 30_000,
  });
  const seen = (what: string) =>
    until(() => notes.some(note => note.includes(what)), {
      timeoutMs: 5000,
      what: () => `${what}: ${notes}`,
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

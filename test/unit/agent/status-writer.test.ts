import t from 'tap';
import { createStatusWriter } from '../../../agent/status/status-writer.ts';
import type { Client } from '../../../controller/client/client.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import type { Placement, PlacementStatus } from '../../../crds/types.generated.ts';
import { placementOf, placementSpec } from '../../support/agent-data.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const statusOf = (generation: number): PlacementStatus => ({ observedGeneration: generation });

function lab() {
  const clock = new FakeClock();
  const errors: ApiError[] = [];
  const writes: unknown[] = [];
  let version = 1;
  let stored: Placement = placementOf('shop', placementSpec('shop'), { resourceVersion: '1' });
  const client = {
    patch: async (_resource: unknown, _key: unknown, _type: unknown, body: { status: object }) => {
      const error = errors.shift();
      if (error) throw error;
      writes.push(body.status);
      const status = { ...stored.status, ...body.status };
      stored = { ...stored, metadata: { ...stored.metadata, resourceVersion: `${++version}` }, status };
      return stored;
    },
  };
  const stop = new AbortController();
  const writer = createStatusWriter({
    client: client as unknown as Client,
    namespace: 'n',
    clock,
    log: silentLogger,
    random: () => 0.5,
    signal: stop.signal,
    minIntervalMs: 100,
  });
  return {
    clock,
    errors,
    writes,
    writer,
    stop,
    /** As the cache shows it. */
    get stored() {
      return stored;
    },
    set stored(value) {
      stored = value;
    },
  };
}

t.test('the first is written at once, what follows shortly after is one write', async t => {
  const { writer, writes, clock, stored } = lab();
  writer.submit(stored, statusOf(1));
  await settle();
  t.same(writes, [statusOf(1)]);
  for (const generation of [2, 3, 4]) writer.submit(stored, statusOf(generation));
  await clock.advance(99);
  t.equal(writes.length, 1);
  await clock.advance(1);
  t.same(writes.slice(1), [statusOf(4)]);
});

t.test('what the server has is not written, whatever the cache shows yet', async t => {
  const l = lab();
  const old = l.stored;
  l.writer.submit(old, statusOf(1));
  await settle();
  l.writer.submit(old, statusOf(1));
  l.writer.submit(l.stored, statusOf(1));
  await l.clock.advance(60_000);
  t.equal(l.writes.length, 1);
});

t.test('what somebody else wrote is put right', async t => {
  const l = lab();
  l.writer.submit(l.stored, statusOf(1));
  await settle();
  l.writer.submit(l.stored, statusOf(1));
  l.stored = { ...l.stored, metadata: { ...l.stored.metadata, resourceVersion: '99' }, status: statusOf(7) };
  l.writer.submit(l.stored, statusOf(1));
  await l.clock.advance(1_000);
  t.equal(l.writes.length, 2);
});

t.test('a server that is away is tried again, with the latest alone', async t => {
  const l = lab();
  l.errors.push(...Array.from({ length: 4 }, () => new ApiError('Unreachable', 'away')));
  l.writer.submit(l.stored, statusOf(1));
  await l.clock.advance(300);
  l.writer.submit(l.stored, statusOf(2));
  await l.clock.advance(60_000);
  t.same(l.writes, [statusOf(2)]);
});

t.test('a placement that is gone is let go', async t => {
  const l = lab();
  l.errors.push(new ApiError('NotFound', 'gone'));
  l.writer.submit(l.stored, statusOf(1));
  await l.clock.advance(60_000);
  t.same(l.writes, []);
  await l.writer.forget('shop.default');
});

t.test('flush waits for what is being written; forget drops it', async t => {
  const l = lab();
  l.writer.submit(l.stored, statusOf(1));
  await l.writer.flush(l.stop.signal);
  t.equal(l.writes.length, 1);
  l.writer.submit(l.stored, statusOf(2));
  await l.writer.forget('shop.default');
  await l.clock.advance(60_000);
  t.equal(l.writes.length, 1);
  l.errors.push(new ApiError('Unreachable', 'away'));
  l.writer.submit(l.stored, statusOf(3));
  await settle();
  const flushing = l.writer.flush(l.stop.signal);
  l.stop.abort();
  await flushing;
});

import t from 'tap';
import { microTimestamp } from '../../../controller/kit/clock.ts';
import { FENCE_MARGIN_MS, Heartbeats } from '../../../controller/reconcilers/node/heartbeats.ts';
import type { Lease } from '../../../crds/object.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeNode } from '../../support/fixtures.ts';

const GRACE_MS = 40_000;
const node = makeNode('n');

function setUp() {
  const clock = new FakeClock();
  const heartbeats = new Heartbeats(clock, GRACE_MS);
  const lease = (ms = clock.now(), seconds: number | undefined = 60): Lease => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'n' },
    spec: { renewTime: microTimestamp(ms), leaseDurationSeconds: seconds },
  });
  const hear = (of?: Lease, by = node) => heartbeats.hear('n', of, by);
  return { clock, heartbeats, lease, hear };
}

t.test('a renewal counts from when it was seen, whatever the clock of the node says', async t => {
  const { clock, lease, hear } = setUp();
  const first = hear(lease());
  t.equal(first?.seenAt, clock.uptime());
  const same = lease();
  await clock.advance(5_000);
  t.equal(hear(same), first, 'no news');
  await clock.advance(4_000);
  t.equal(hear(lease(clock.now() - 7_200_000))?.seenAt, clock.uptime(), 'news from a slow clock');
});

t.test('at first sight a fresh renewal counts from its time, never from the future', async t => {
  const { clock, lease, hear } = setUp();
  t.equal(hear(lease(clock.now() - 10_000))?.seenAt, clock.uptime() - 10_000);
  const other = setUp();
  t.equal(other.hear(other.lease(other.clock.now() + 3_600_000))?.seenAt, other.clock.uptime());
});

t.test(
  'after the controller was away a node that was Ready is given time to renew, a lost one is not',
  async t => {
    const { clock, lease, hear } = setUp();
    t.equal(hear(lease(clock.now() - 600_000))?.seenAt, clock.uptime());
    const other = setUp();
    const lost = makeNode('n', { ready: 'Unknown' });
    t.equal(other.hear(other.lease(clock.now() - 600_000), lost)?.seenAt, other.clock.uptime() - 600_000);
  },
);

t.test('no lease is no news', async t => {
  const { hear, lease } = setUp();
  t.equal(hear(undefined), undefined);
  t.equal(hear({ ...lease(), spec: {} }), undefined);
});

t.test(
  'a silent node is fenced when grace, fence time and margin have passed since this process heard it',
  async t => {
    const { clock, heartbeats, lease, hear } = setUp();
    t.equal(heartbeats.untilFenced('n'), undefined, 'never heard');
    // Renewed long ago by the clock of the node: by ours it was heard now.
    hear(lease(clock.now() - 600_000), makeNode('n', { ready: 'Unknown' }));
    t.equal(heartbeats.untilFenced('n'), GRACE_MS + 60_000 + FENCE_MARGIN_MS);
    clock.set(clock.now() + 86_400_000);
    t.equal(
      heartbeats.untilFenced('n'),
      GRACE_MS + 60_000 + FENCE_MARGIN_MS,
      'a clock that is set is no time',
    );
    await clock.advance(100_000);
    hear(undefined);
    t.equal(heartbeats.untilFenced('n'), FENCE_MARGIN_MS, 'also when its lease was removed');
    hear(lease());
    t.equal(heartbeats.untilFenced('n'), GRACE_MS + 60_000 + FENCE_MARGIN_MS);
    heartbeats.forget('n');
    t.equal(heartbeats.untilFenced('n'), undefined);
  },
);

t.test('a node whose agent says nothing of a fence is never taken for fenced', async t => {
  const { clock, heartbeats, lease, hear } = setUp();
  hear({ ...lease(), spec: { renewTime: microTimestamp(clock.now()) } });
  await clock.advance(86_400_000);
  t.equal(heartbeats.untilFenced('n'), undefined);
});

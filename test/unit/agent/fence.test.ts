import t from 'tap';
import { agentSettings } from '../../../agent/agent-settings.ts';
import { Fence } from '../../../agent/fence/fence.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  let expiries = 0;
  const fence = new Fence({ clock, fenceMs: 60_000, onExpiry: () => expiries++ });
  return { clock, fence, expiries: () => expiries };
}

t.test(
  'before the server has spoken nothing is started, and what runs goes on for the fence time',
  async t => {
    const { clock, fence, expiries } = setUp();
    t.equal(fence.verdict('a'), 'Hold');
    fence.renewed(clock.uptime());
    t.equal(fence.verdict('a'), 'Hold', 'a heartbeat alone opens nothing');
    await clock.advance(59_999);
    t.equal(fence.verdict('a'), 'Hold');
    await clock.advance(1);
    t.equal(fence.verdict('a'), 'Stop');
    t.equal(expiries(), 1);
  },
);

t.test(
  'open, it lets run what the server named, until no heartbeat is acknowledged for the fence time',
  async t => {
    const { clock, fence, expiries } = setUp();
    fence.open(['a']);
    t.equal(fence.verdict('a'), 'Free');
    t.equal(fence.verdict('b'), 'Hold', 'this one is asked for');
    fence.name('b');
    t.equal(fence.verdict('b'), 'Free');
    for (let i = 0; i < 10; i++) {
      await clock.advance(50_000);
      fence.renewed(clock.uptime());
    }
    t.equal(fence.verdict('a'), 'Free');
    await clock.advance(60_000);
    t.same([fence.isOpen, fence.leftMs, fence.verdict('a'), expiries()], [false, 0, 'Stop', 1]);
  },
);

t.test('closed once, a heartbeat does not open it: what it lets run must be named again', async t => {
  const { clock, fence } = setUp();
  fence.open(['a', 'b']);
  await clock.advance(60_000);
  fence.renewed(clock.uptime());
  t.equal(fence.verdict('a'), 'Stop', 'it may run elsewhere by now');
  fence.name('a');
  t.equal(fence.verdict('a'), 'Stop', 'an answer from before is none');
  fence.open(['a']);
  t.equal(fence.verdict('a'), 'Free');
  t.equal(fence.verdict('b'), 'Hold');
});

t.test('it counts from when a heartbeat was sent, not from when it was answered', async t => {
  const { clock, fence } = setUp();
  fence.open(['a']);
  const sentAt = clock.uptime();
  await clock.advance(50_000);
  fence.renewed(sentAt);
  t.equal(fence.leftMs, 10_000);
  await clock.advance(20_000);
  fence.renewed(sentAt + 30_000);
  t.equal(fence.verdict('a'), 'Stop', 'an answer that came too late');
});

t.test('a time of day that is set moves nothing', async t => {
  const { clock, fence } = setUp();
  fence.open(['a']);
  clock.set(clock.now() + 3_600_000);
  t.equal(fence.verdict('a'), 'Free');
  clock.set(clock.now() - 7_200_000);
  await clock.advance(60_000);
  t.equal(fence.verdict('a'), 'Stop');
});

t.test('a fence that one lost heartbeat would close is refused', async t => {
  t.match(agentSettings({}), { heartbeatMs: 10_000, fenceMs: 60_000, keepMovedVolumesMs: 86_400_000 });
  t.throws(() => agentSettings({ heartbeat: 10_000, fenceTime: 19_000 }), /fence-time.*heartbeat/);
});

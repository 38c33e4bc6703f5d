import t from 'tap';
import type { GuestServiceState } from '../../../agent/guest/guest.ts';
import { createHealthMonitor } from '../../../agent/health/health-monitor.ts';
import {
  type CheckResult,
  checked,
  type HealthState,
  nextCheckMs,
  restartAt,
  restarted,
  started,
} from '../../../agent/health/health-state.ts';
import type { DesiredService, ResolvedCheck } from '../../../agent/model/desired.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const check: ResolvedCheck = {
  tcp: { port: 80 },
  intervalMs: 10_000,
  timeoutMs: 5_000,
  initialDelayMs: 5_000,
  failureThreshold: 3,
};
const good: CheckResult = { ok: true, message: '' };
const bad: CheckResult = { ok: false, message: 'refused' };

t.test('a service that starts has its delay and its threshold of intervals', async t => {
  let state = started(0);
  for (const at of [100, 5_000, 34_999]) {
    state = checked(state, bad, check, at);
    t.equal(state.health, 'Unknown', `at ${at}`);
  }
  state = checked(state, bad, check, 35_000);
  t.match(state, { health: 'Unhealthy', message: 'refused', changedAt: 35_000 });
  t.equal(restartAt(state), undefined, 'one that never was healthy is not restarted');
  state = checked(state, good, check, 40_000);
  t.equal(state.health, 'Healthy', 'it may still come');
});

t.test('one that was healthy fails after that many in a row, and no sooner', async t => {
  let state = checked(started(0), good, check, 0);
  for (const result of [bad, bad, good, bad, bad]) state = checked(state, result, check, 1_000);
  t.equal(state.health, 'Healthy');
  state = checked(state, bad, check, 2_000);
  t.equal(state.health, 'Unhealthy');
  t.equal(restartAt(state), 2_000, 'it is restarted at once');
});

t.test('restarts that do not help come ever less often, and are forgotten after a good time', async t => {
  let state: HealthState = checked(started(0), good, check, 0);
  let now = 0;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    now += 40_000;
    state = { ...checked(state, bad, check, now), health: 'Unhealthy', changedAt: now };
    const at = restartAt(state) ?? -1;
    waits.push((at - now) / 1000);
    now = at;
    state = restarted(state, now);
  }
  t.same(waits, [0, 0, 0, 0, 40, 120, 260, 260]);
  state = checked(state, good, check, now);
  state = checked(state, good, check, now + 600_000);
  t.equal(state.restarts, 0);
});

t.test('checks come at short notice until the first success', async t => {
  let state = started(0);
  const waits: number[] = [];
  for (let i = 0; i < 14; i++) {
    waits.push(Math.round(nextCheckMs(state, check)));
    state = checked(state, bad, check, 0);
  }
  t.same(waits.slice(0, 3), [100, 150, 225]);
  t.equal(waits.at(-1), 10_000);
  t.equal(nextCheckMs(checked(state, good, check, 0), check), 10_000);
});

const service: DesiredService = { name: 'web', dependsOn: [], check };
const running = (pid: number, digest = 'd'): GuestServiceState => ({
  name: 'web',
  wanted: 'Up',
  state: 'Running',
  digest,
  pid,
  restarts: 0,
  since: 0,
});

function monitor(healthyBefore?: Set<string>) {
  const clock = new FakeClock();
  const results: CheckResult[] = [];
  let changes = 0;
  let probes = 0;
  const health = createHealthMonitor({
    clock,
    probe: async () => {
      probes++;
      return results.shift() ?? good;
    },
    onChange: () => {
      changes++;
    },
    ...(healthyBefore && { healthyBefore }),
  });
  return {
    clock,
    health,
    results,
    get changes() {
      return changes;
    },
    get probes() {
      return probes;
    },
  };
}

t.test('a monitor checks what runs, at its interval, and tells changes alone', async t => {
  const m = monitor();
  m.health.sync('i', [service], [running(1)]);
  t.same(m.health.read().web?.health, 'Unknown');
  await m.clock.advance(0);
  t.equal(m.health.read().web?.health, 'Healthy');
  await m.clock.advance(100_000);
  t.equal(m.changes, 1);
  t.equal(m.probes, 11);
  m.health.sync('i', [service], [running(1)]);
  await settle();
  t.equal(m.probes, 11, 'looking again is no reason to check');
  m.health.stop();
  t.equal(m.clock.pending, 0);
});

t.test(
  'another process is checked from the start; what ended loses its health, what is gone is forgotten',
  async t => {
    const m = monitor();
    m.health.sync('i', [service], [running(1)]);
    await m.clock.advance(0);
    m.health.sync('i', [service], [{ ...running(1), state: 'Backoff' }]);
    t.equal(m.health.read().web?.health, 'Unknown');
    m.results.push(bad);
    m.health.sync('i', [service], [running(2)]);
    await m.clock.advance(0);
    t.equal(m.health.read().web?.health, 'Unknown');
    await m.clock.advance(1_000);
    t.equal(m.health.read().web?.health, 'Healthy');
    m.health.sync('i', [], []);
    t.same(m.health.read(), {});
    t.equal(m.clock.pending, 0);
  },
);

t.test('a restart is due when an unhealthy service was healthy, and is not asked for twice', async t => {
  const m = monitor();
  m.health.sync('i', [service], [running(1)]);
  await m.clock.advance(0);
  m.results.push(bad, bad, bad);
  await m.clock.advance(30_000);
  t.match(m.health.read().web, { health: 'Unhealthy', restartDue: true, message: 'refused' });
  m.health.restarted('web');
  t.equal(m.health.read().web?.restartDue, false);
});

t.test('a restarted agent goes on from what the status says', async t => {
  const m = monitor(new Set(['web']));
  m.health.sync('i', [service], [running(1)]);
  t.equal(m.health.read().web?.health, 'Healthy');
  m.results.push(bad, bad, bad);
  await m.clock.advance(20_000);
  t.equal(m.health.read().web?.restartDue, true);
  m.health.stop();
});

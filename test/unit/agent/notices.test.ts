import t from 'tap';
import type { GuestState } from '../../../agent/guest/guest.ts';
import type { ServiceHealth } from '../../../agent/model/observed.ts';
import { noticesBetween } from '../../../agent/reconcile/notices.ts';
import { REASONS } from '../../../crds/vocabulary.ts';
import { desiredOf, guestOf, serviceOf } from '../../support/agent-data.ts';

const desired = desiredOf({ services: [{ name: 'web', command: 'web' }] });
const base = guestOf(desired);
const web = (patch: Parameters<typeof serviceOf>[2]) => ({
  ...base,
  services: [serviceOf(desired, 'web', patch)],
});
const reasons = (
  before: GuestState | undefined,
  now: GuestState,
  more: { own?: number; before?: ServiceHealth; now?: ServiceHealth; instance?: string } = {},
) => {
  const own = new Map(more.own ? [['web', more.own]] : []);
  const seen = (guest: GuestState, health: ServiceHealth | undefined, instanceId: string) => ({
    instanceId,
    guest,
    health: (health ? { web: health } : {}) as Record<string, ServiceHealth>,
  });
  const found = noticesBetween(
    before && seen(before, more.before, more.instance ?? 'i1'),
    seen(now, more.now, 'i1'),
    own,
  );
  for (const { reason, message } of found) {
    t.ok(reason in REASONS);
    t.ok(message);
  }
  return found.map(({ reason }) => reason);
};
const tree = { url: 'u', commit: '0123456789abcdef', branch: 'main', dirty: false };
const health = (health: ServiceHealth['health']): ServiceHealth => ({ health, restartDue: false });

t.test('what happens is told once, what is only seen for the first time is not', async t => {
  const after = { ...base, sshd: { running: true, restarts: 5 } };
  t.same(reasons(undefined, after), [], 'a first look');
  t.same(reasons(base, after, { instance: 'another' }), [], 'another container');
  t.same(reasons({ ...base, bootId: 'b0' }, after), [], 'another start');
  t.same(reasons(base, base), []);
  t.same(reasons(base, after), ['SSHRestarted']);
  t.same(reasons(base, { ...base, supervisor: { running: true, restarts: 1 } }), ['SupervisorRestarted']);
});

t.test('a service that ended is told; one that this agent restarted was told already', async t => {
  t.same(reasons(base, web({ restarts: 1 })), ['ServiceExited']);
  t.same(reasons(base, web({ state: 'Backoff', restarts: 1, exitCode: 1 })), ['ServiceExited']);
  t.same(reasons(web({ state: 'Backoff', restarts: 1 }), web({ restarts: 1 })), [], 'and its return is none');
  t.same(reasons(base, web({ restarts: 1 }), { own: 1 }), []);
  t.same(reasons(base, web({ restarts: 2 }), { own: 1 }), ['ServiceExited']);
  t.same(reasons({ ...base, services: [] }, web({ restarts: 0 })), [], 'a new one');
});

t.test('health is told when it is lost', async t => {
  t.same(reasons(base, base, { before: health('Healthy'), now: health('Unhealthy') }), ['ServiceUnhealthy']);
  t.same(reasons(base, base, { before: health('Unhealthy'), now: health('Unhealthy') }), []);
  t.same(reasons(base, base, { before: health('Unknown'), now: health('Healthy') }), []);
});

t.test('jobs are told when they end', async t => {
  const job = (name: 'clone' | 'preStart', state: 'Running' | 'Succeeded' | 'Failed', exitCode?: number) => ({
    ...base,
    jobs: { [name]: { state, token: 'a', ...(exitCode !== undefined && { exitCode }) } },
  });
  t.same(reasons(base, { ...base, repository: tree }), ['RepositoryCloned']);
  t.same(reasons(job('clone', 'Running'), job('clone', 'Failed', 10)), ['AuthenticationFailed']);
  t.same(reasons(job('clone', 'Failed', 10), job('clone', 'Failed', 10)), []);
  t.same(reasons(base, job('clone', 'Failed', 11)), ['RefNotFound'], 'one that was too quick to be seen');
  t.same(reasons(base, job('preStart', 'Succeeded')), ['HookSucceeded']);
  t.same(reasons(base, job('preStart', 'Failed', 1)), ['HookFailed']);
  t.same(reasons(base, job('preStart', 'Running')), []);
});

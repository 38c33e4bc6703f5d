import t from 'tap';
import { Aggregator } from '../../../controller/apiserver/auth/rbac/aggregation.ts';
import type { ClusterRole } from '../../../crds/object.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });

/** A role that has the rules of those labelled `from`, and is itself labelled `as`. */
function sum(name: string, as: string, from: string, resource: string): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels: { [as]: 'true' } },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [from]: 'true' } }] },
    rules: [rule(resource)],
  } as unknown as ClusterRole;
}

function aggregatorOf(...given: ClusterRole[]) {
  const roles = new Map(given.map(role => [role.metadata.name, role]));
  const clock = new FakeClock();
  const { log, lines } = recordingLogger();
  let writes = 0;
  const aggregator = new Aggregator({
    list: () => [...roles.values()],
    apply: async ({ metadata, rules }) => {
      writes++;
      roles.set(metadata.name, { ...roles.get(metadata.name)!, rules });
    },
    clock,
    log,
  });
  return { aggregator, clock, lines, roles, writes: () => writes };
}

t.test('two roles that select each other come to the same rules', async t => {
  const { aggregator, roles, writes } = aggregatorOf(sum('a', 'x', 'y', 'p'), sum('b', 'y', 'x', 'q'));
  await aggregator.wake();
  t.strictSame(roles.get('a')?.rules, roles.get('b')?.rules);
  t.equal(writes(), 1);
});

t.test('and so do three in a circle', async t => {
  const { aggregator, roles } = aggregatorOf(
    sum('a', 'x', 'y', 'p'),
    sum('b', 'y', 'z', 'q'),
    sum('c', 'z', 'x', 'r'),
  );
  await aggregator.wake();
  t.strictSame(roles.get('a')?.rules, roles.get('b')?.rules);
  t.strictSame(roles.get('b')?.rules, roles.get('c')?.rules);
});

t.test('roles that never stay as they are written are left alone for a while', async t => {
  const { aggregator, clock, lines, roles, writes } = aggregatorOf(
    sum('a', 'x', 'y', 'p'),
    sum('b', 'y', 'z', 'q'),
  );
  roles.set = () => roles;
  await aggregator.wake();
  const before = writes();
  t.ok(before > 0 && before < 50, `${before} writes`);
  await aggregator.wake();
  t.equal(writes(), before, 'a change alone does not start it again');
  t.match(lines, [/change for ever/]);
  await clock.advance(10_000);
  t.ok(writes() > before);
  await aggregator.stop();
});

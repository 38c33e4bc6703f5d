import { readFileSync } from 'node:fs';
import t from 'tap';
import { rbacEscalation } from '../../../controller/apiserver/admission/rbac-escalation.ts';
import type { Attributes } from '../../../controller/apiserver/auth/authorizer.ts';
import { Aggregator, staleAggregates } from '../../../controller/apiserver/auth/rbac/aggregation.ts';
import {
  KUBERNETES_BINDINGS,
  KUBERNETES_ROLES,
} from '../../../controller/apiserver/auth/rbac/kubernetes-roles.ts';
import { Policy } from '../../../controller/apiserver/auth/rbac/policy.ts';
import { rbacAuthorizer } from '../../../controller/apiserver/auth/rbac/rbac-authorizer.ts';
import {
  correctPolicy,
  type PolicyObject,
} from '../../../controller/apiserver/auth/rbac/reconcile-policy.ts';
import { builtinResources } from '../../../controller/apiserver/registry/builtin.ts';
import { validateMetadata } from '../../../controller/apiserver/verbs/metadata.ts';
import { loadPolicy } from '../../../controller/defaults.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import type { ClusterRole, ClusterRoleBinding, KubeObject, PolicyRule } from '../../../crds/object.ts';
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

const apiVersion = 'rbac.authorization.k8s.io/v1';
const get: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['secrets'] };
const list: PolicyRule = { ...get, verbs: ['list'] };
const role = (rules: PolicyRule[], more: object = {}): ClusterRole => ({
  apiVersion,
  kind: 'ClusterRole',
  metadata: { name: 'r' },
  rules,
  ...more,
});
const bound = (name: string, ...users: string[]): ClusterRoleBinding => ({
  apiVersion,
  kind: 'ClusterRoleBinding',
  metadata: { name: 'b' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
  subjects: users.map(user => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user })),
});

t.test('a default role gets what it lacks and keeps what it was given', async t => {
  t.strictSame(correctPolicy(role([get, list]), role([get])), { kind: 'none' });
  t.match(correctPolicy(role([list]), role([get])), { kind: 'update', object: { rules: [list, get] } });
  t.strictSame(
    correctPolicy(role([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]), role([get])),
    { kind: 'none' },
    'covered by something larger',
  );
  const kept = {
    metadata: { name: 'r', annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
  };
  t.strictSame(correctPolicy(role([], kept), role([get])), { kind: 'none' }, 'left alone on request');
  const labelled = { metadata: { name: 'r', labels: { a: 'theirs' } } };
  t.match(
    correctPolicy(
      role([get], labelled),
      role([get], { metadata: { name: 'r', labels: { a: 'x', b: 'y' } } }),
    ),
    {
      object: { metadata: { labels: { a: 'theirs', b: 'y' } } },
    },
  );
});

t.test('aggregation is expected or it is not', async t => {
  const rule = (label: string) => ({ clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] });
  const aggregated = (label: string) => role([], { aggregationRule: rule(label) });
  t.match(correctPolicy(aggregated('a'), aggregated('b')), {
    object: {
      aggregationRule: {
        clusterRoleSelectors: [{ matchLabels: { a: 'true' } }, { matchLabels: { b: 'true' } }],
      },
    },
  });
  const plain = correctPolicy(aggregated('a'), role([]));
  t.equal(plain.kind, 'update');
  t.notOk('aggregationRule' in (plain as { object: PolicyObject }).object);
});

t.test('a binding gets who is missing, and is made anew when it is of another role', async t => {
  t.strictSame(correctPolicy(bound('r', 'ann', 'bob'), bound('r', 'ann')), { kind: 'none' });
  t.match(correctPolicy(bound('r', 'bob'), bound('r', 'ann')), {
    kind: 'update',
    object: { subjects: [{ name: 'bob' }, { name: 'ann' }] },
  });
  t.match(correctPolicy(bound('other', 'bob'), bound('r', 'ann')), {
    kind: 'recreate',
    object: bound('r', 'ann'),
  });
});

t.test('aggregated roles hold each rule once, in the order of names, and settle', async t => {
  const labelled = (name: string, rules: PolicyRule[]) =>
    role(rules, { metadata: { name, labels: { to: 'sum' } } });
  const sum = (rules: PolicyRule[]) =>
    role(rules, {
      metadata: { name: 'sum', labels: { to: 'sum' } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'sum' } }] },
    });
  const roles = [
    sum([]),
    labelled('z', [list]),
    labelled('a', [get, list]),
    role([{ ...get, verbs: ['x'] }]),
  ];
  const [stale] = staleAggregates(roles);
  t.strictSame(stale?.rules, [get, list]);
  t.strictSame(staleAggregates([sum([get, list]), ...roles.slice(1)]), []);
  t.strictSame(
    staleAggregates([sum([get])]).map(({ rules }) => rules),
    [[]],
    'what is gone goes',
  );
});

t.test('every binding that the server brings along is of a role that it brings along', async t => {
  const all = [...KUBERNETES_ROLES, ...KUBERNETES_BINDINGS, ...loadPolicy()] as PolicyObject[];
  const roles = new Set(all.filter(one => 'rules' in one).map(one => `${one.kind}/${one.metadata.name}`));
  for (const one of all)
    if ('roleRef' in one) t.ok(roles.has(`${one.roleRef.kind}/${one.roleRef.name}`), one.metadata.name);
  const member = all.find(one => one.metadata.name === 'nexus:member') as ClusterRole;
  t.notOk(member.rules?.some(({ verbs, resources }) => verbs.includes('*') || resources?.includes('*')));
});

interface Recorded {
  objects: KubeObject[];
  cases: (Omit<Attributes, 'user'> & { user: string; groups: string[]; allowed: boolean; reason: string })[];
  escalations: {
    user: string;
    groups: string[];
    object: KubeObject;
    old?: KubeObject;
    error?: string;
    code?: number;
  }[];
}

const read = (file: string) =>
  readFileSync(new URL(`recorded/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
const served = new Map(builtinResources().map(one => [one.resource.kind, one]));
const worlds = (read('evaluator.jsonl') as Recorded[]).map(recorded => {
  const policy = new Policy();
  for (const object of recorded.objects) policy.set(object);
  return { ...recorded, policy, authorizer: rbacAuthorizer(policy) };
});

t.test('requests are allowed and refused as Kubernetes 1.34 did, for the same reason', async t => {
  for (const [n, { cases, authorizer }] of worlds.entries())
    for (const { user: name, groups, allowed, reason, ...attributes } of cases)
      t.strictSame(
        authorizer.authorize({ ...attributes, user: { name, groups } }),
        { allowed, reason },
        `world ${n}: ${name} ${JSON.stringify(attributes)}`,
      );
});

t.test('roles and bindings that give away too much are refused in the same words', async t => {
  for (const [n, { escalations, authorizer, policy }] of worlds.entries()) {
    const plugin = rbacEscalation(authorizer, policy);
    for (const { user: name, groups, object, old, error, code } of escalations) {
      const refusal = refused(() =>
        plugin.admit({
          operation: old ? 'UPDATE' : 'CREATE',
          served: served.get(object.kind)!,
          subresource: '',
          namespace: object.metadata.namespace ?? '',
          name: object.metadata.name,
          object,
          old,
          user: { name, groups },
        }),
      );
      t.strictSame(
        { error: refusal?.message, code: refusal?.code },
        { error, code },
        `world ${n}: ${name} ${JSON.stringify(object.metadata)}`,
      );
    }
  }
});

function refused(act: () => void): ApiError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

t.test('what is no valid role or binding is named field by field', async t => {
  for (const { object, errors } of read('validation.jsonl')) {
    const { strategy, compiled } = served.get(object.kind)!;
    const text = JSON.stringify(object);
    strategy.prepareForCreate?.(object, { user: { name: 'admin', groups: [] }, time: '', subresource: '' });
    compiled.default(object);
    const causes = [
      ...validateMetadata(object, strategy.names),
      ...compiled.validate(object),
      ...(strategy.validate?.(object) ?? []),
    ];
    t.strictSame(
      causes.map(({ field, message, reason: type }) => ({ field, message, type })),
      errors,
      text,
    );
  }
});

import t from 'tap';
import { staleAggregates } from '../../../controller/apiserver/auth/rbac/aggregation.ts';
import {
  KUBERNETES_BINDINGS,
  KUBERNETES_ROLES,
} from '../../../controller/apiserver/auth/rbac/kubernetes-roles.ts';
import {
  correctPolicy,
  type PolicyObject,
} from '../../../controller/apiserver/auth/rbac/reconcile-policy.ts';
import { loadPolicy } from '../../../controller/defaults.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../crds/object.ts';

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

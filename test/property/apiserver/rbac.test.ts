import fc from 'fast-check';
import t from 'tap';
import type { Attributes } from '../../../controller/apiserver/auth/authorizer.ts';
import { uncovered } from '../../../controller/apiserver/auth/rbac/covers.ts';
import { Policy } from '../../../controller/apiserver/auth/rbac/policy.ts';
import { rbacAuthorizer } from '../../../controller/apiserver/auth/rbac/rbac-authorizer.ts';
import { ruleAllows } from '../../../controller/apiserver/auth/rbac/rule-allows.ts';
import type { PolicyRule, RoleBinding, Subject } from '../../../crds/object.ts';

const NAMESPACES = ['n1', 'n2'];
const VERBS = ['get', 'list', 'create'];
const GROUPS = ['', 'nexus.dev'];
const RESOURCES = ['workspaces', 'secrets'];
const SUBRESOURCES = ['', 'status', 'ssh'];
const NAMES = ['a', 'b'];
const PATHS = ['/api', '/apis/x', '/metrics'];
const some = <T>(...values: T[]) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });

const resourceRule = fc.record({
  verbs: some('*', ...VERBS),
  apiGroups: some('*', ...GROUPS),
  resources: some('*', '*/status', 'workspaces/*', 'workspaces/ssh', ...RESOURCES),
  resourceNames: fc.oneof(fc.constant([]), some(...NAMES)),
});
const pathRule = fc.record({
  verbs: some('*', ...VERBS),
  nonResourceURLs: some('*', '/api*', '/api/*', ...PATHS),
});
const rule = fc.oneof({ weight: 4, arbitrary: resourceRule }, pathRule) as fc.Arbitrary<PolicyRule>;
const subject = fc.oneof(
  fc.record({ kind: fc.constant('User'), name: fc.constantFrom('ann', 'system:serviceaccount:n1:sa') }),
  fc.record({ kind: fc.constant('Group'), name: fc.constantFrom('team', 'ann') }),
  fc.record(
    { kind: fc.constant('ServiceAccount'), name: fc.constant('sa'), namespace: fc.constantFrom('n1', 'n2') },
    { requiredKeys: ['kind', 'name'] },
  ),
) as fc.Arbitrary<Subject>;
const place = fc.constantFrom('', ...NAMESPACES);
const object = fc.oneof(
  fc
    .record({ namespace: place, name: fc.constantFrom('r', 's'), rules: fc.array(rule, { maxLength: 3 }) })
    .map(({ namespace, name, rules }) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: namespace ? 'Role' : 'ClusterRole',
      metadata: { name, ...(namespace && { namespace }) },
      rules,
    })),
  fc
    .record({
      namespace: place,
      name: fc.constantFrom('b', 'c'),
      subjects: fc.array(subject, { maxLength: 3 }),
      role: fc.constantFrom('r', 's', 'gone'),
      local: fc.boolean(),
    })
    .map(({ namespace, name, subjects, role, local }) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
      metadata: { name, ...(namespace && { namespace }) },
      subjects,
      roleRef: { apiGroup: '', kind: namespace && local ? 'Role' : 'ClusterRole', name: role },
    })),
);
type Object = { kind: string; metadata: { name: string; namespace?: string } } & Record<string, unknown>;

const IDENTITIES = [
  { name: 'ann', groups: ['system:authenticated'] },
  { name: 'bob', groups: ['team'] },
  { name: 'ann', groups: ['team', 'ann'] },
  { name: 'system:serviceaccount:n1:sa', groups: [] },
];
const request = fc.oneof(
  fc.record({
    verb: fc.constantFrom(...VERBS),
    group: fc.constantFrom(...GROUPS),
    resource: fc.constantFrom(...RESOURCES),
    subresource: fc.constantFrom(...SUBRESOURCES),
    namespace: place,
    name: fc.constantFrom('', ...NAMES),
  }),
  fc.record({ verb: fc.constantFrom(...VERBS), path: fc.constantFrom(...PATHS) }),
);
const step = fc.oneof(
  fc.record({ set: object }),
  fc.record({ remove: object }),
  fc.record({ ask: request, who: fc.nat(IDENTITIES.length - 1) }),
);

/** Kubernetes' rules written down once more, over plain lists and without any index. */
function naive(objects: readonly Object[], attributes: Attributes): boolean {
  const { user, namespace = '' } = attributes;
  return objects.some(binding => {
    const at = binding.metadata.namespace ?? '';
    if (!binding.kind.endsWith('Binding') || (at !== '' && at !== namespace)) return false;
    const { roleRef, subjects = [] } = binding as unknown as RoleBinding;
    const applies = subjects.some(({ kind, name, namespace: of = at }) => {
      if (kind === 'User') return name === user.name;
      if (kind === 'Group') return user.groups.includes(name);
      return of !== '' && user.name === `system:serviceaccount:${of}:${name}`;
    });
    const role = objects.find(
      ({ kind, metadata }) =>
        kind === roleRef.kind &&
        metadata.name === roleRef.name &&
        (kind === 'ClusterRole' || metadata.namespace === at),
    );
    return applies && ((role?.rules ?? []) as PolicyRule[]).some(one => naiveRule(one, attributes));
  });
}

function naiveRule(one: PolicyRule, { verb, group, resource, subresource, name = '', path }: Attributes) {
  const is = (list: string[] | undefined, wanted: string | undefined) =>
    (list ?? []).some(value => value === '*' || value === wanted);
  if (!is(one.verbs, verb)) return false;
  if (path !== undefined)
    return (one.nonResourceURLs ?? []).some(url =>
      url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path,
    );
  const wanted = subresource ? `${resource}/${subresource}` : resource;
  const everywhere = subresource ? (one.resources ?? []).includes(`*/${subresource}`) : false;
  const names = one.resourceNames ?? [];
  return (
    is(one.apiGroups, group) &&
    (is(one.resources, wanted) || everywhere) &&
    (names.length === 0 || names.includes(name))
  );
}

t.test('whatever was set and removed, the answer is that of a look at everything', async t => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), steps => {
      const policy = new Policy();
      const authorizer = rbacAuthorizer(policy);
      const known = new Map<string, Object>();
      for (const one of steps) {
        if ('ask' in one) {
          const attributes = { ...one.ask, user: IDENTITIES[one.who]! };
          const { allowed } = authorizer.authorize(attributes);
          if (allowed !== naive([...known.values()], attributes))
            throw new Error(`${JSON.stringify(attributes)}: ${allowed}`);
          continue;
        }
        const changed = ('set' in one ? one.set : one.remove) as Object;
        const key = [changed.kind, changed.metadata.namespace, changed.metadata.name].join('/');
        if ('set' in one) {
          policy.set(changed as never);
          known.set(key, changed);
        } else {
          policy.remove((known.get(key) ?? changed) as never);
          known.delete(key);
        }
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test(
  'who holds every rule of a role can do all that it allows, and what is lacking is no more than needed',
  async t => {
    const rules = fc.array(rule, { maxLength: 4 });
    fc.assert(
      fc.property(rules, rules, request, (held, wanted, ask) => {
        const attributes = { ...ask, user: IDENTITIES[0]! };
        const may = (list: readonly PolicyRule[]) => list.some(one => ruleAllows(one, attributes));
        const lacking = uncovered(held, wanted);
        if (may(wanted) && !may(held) && !may(lacking)) throw new Error(JSON.stringify(attributes));
        if (uncovered([...held, ...lacking], wanted).length > 0)
          throw new Error('what is lacking does not fill the gap');
        if (uncovered(wanted, wanted).length > 0) throw new Error('a role does not cover itself');
      }),
      { numRuns: 2000 },
    );
    t.pass();
  },
);

import { CLUSTER_ROLE, ROLE } from '../../../crds/kinds.ts';
import type { AnyBinding, AnyRole, ClusterRole, KubeObject, PolicyRule } from '../../../crds/object.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { GROUP_MASTERS } from '../auth/identity.ts';
import { describeRules, quoteList, uncovered } from '../auth/rbac/covers.ts';
import type { Policy } from '../auth/rbac/policy.ts';
import { aggregate } from '../auth/rbac/rbac-authorizer.ts';
import { forbidden, notFound } from '../refusals.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const FULL_AUTHORITY: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Nobody gives away by a role or a binding what they do not hold themselves, unless they may `escalate` roles or `bind`
 * the role in question. To the letter of Kubernetes.
 */
export function rbacEscalation(authorizer: Authorizer, policy: Policy): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    admit(request) {
      const { operation, served, user, object, old } = request;
      if (served.resource.group !== ROLE.group || operation === 'DELETE' || !object) return undefined;
      if (user.groups.includes(GROUP_MASTERS)) return undefined;
      const isRole = object.kind === 'Role' || object.kind === 'ClusterRole';
      if (isRole && mayEscalate(authorizer, request)) return undefined;
      if (old && onlyForCollection(object, old)) return undefined;
      if (isRole) checkRole(authorizer, request, object);
      else checkBinding(authorizer, policy, request, object as AnyBinding);
      return undefined;
    },
  };
}

function mayEscalate(authorizer: Authorizer, request: AdmissionRequest): boolean {
  const { operation, served, user, namespace, name } = request;
  const { group, plural: resource } = served.resource;
  // A create has no name in its path, so that a rule for certain names does not cover it.
  const of = operation === 'CREATE' ? '' : name;
  return authorizer.authorize({ user, verb: 'escalate', group, resource, namespace, name: of }).allowed;
}

function checkRole(authorizer: Authorizer, request: AdmissionRequest, object: KubeObject): void {
  confirm(authorizer, request, (object as AnyRole).rules ?? []);
  if (!isAggregated(object) && !isAggregated(request.old)) return;
  // It can gather anything.
  const { user, namespace, served, name } = request;
  if (uncovered(authorizer.rightsOf(user, namespace).rules, FULL_AUTHORITY).length > 0)
    throw forbidden(served.resource, name, 'must have cluster-admin privileges to use the aggregationRule');
}

function checkBinding(
  authorizer: Authorizer,
  policy: Policy,
  request: AdmissionRequest,
  { roleRef }: AnyBinding,
): void {
  const { user, namespace } = request;
  const role = roleRef.kind === 'Role' ? ROLE : CLUSTER_ROLE;
  const { apiGroup: group, name } = roleRef;
  if (authorizer.authorize({ user, verb: 'bind', group, resource: role.plural, namespace, name }).allowed)
    return;
  const rules = policy.rulesOf(roleRef, namespace);
  // Kubernetes, too, names the kind that the request is about.
  if (!rules) throw notFound(request.served.resource, name);
  confirm(authorizer, request, rules);
}

/** Throws Forbidden with what of `rules` the user does not hold in the request's namespace. */
function confirm(authorizer: Authorizer, request: AdmissionRequest, rules: readonly PolicyRule[]): void {
  const { user, namespace, served, name } = request;
  const held = authorizer.rightsOf(user, namespace);
  const lacking = uncovered(held.rules, rules);
  if (lacking.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteList(user.groups)})`;
  const what = describeRules(lacking).join('\n');
  const named = (error: string) => error.replace(/^\w+/, served.resource.plural);
  const errors = held.errors.length > 0 ? `; resolution errors: [${aggregate(held.errors.map(named))}]` : '';
  throw forbidden(
    served.resource,
    name,
    `${who} is attempting to grant RBAC permissions not currently held:\n${what}${errors}`,
  );
}

const isAggregated = (role: KubeObject | undefined) =>
  ((role as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0;

/** What the garbage collector changes so that an object can go. */
function onlyForCollection(object: KubeObject, old: KubeObject): boolean {
  return jsonEqual(others(object), others(old));
}

function others({ metadata, ...rest }: KubeObject) {
  const { ownerReferences: _o, finalizers: _f, managedFields: _m, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

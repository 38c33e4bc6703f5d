import { nodeNamespace } from '../../../crds/names.ts';
import { GROUP_AUTHENTICATED, GROUP_MASTERS, type Identity, nodeOf } from './identity.ts';

/** One thing somebody wants to do. For resources `resource` is set, for everything else `path`. */
export interface Attributes {
  readonly user: Identity;
  readonly verb: string;
  /** Empty for the core group. */
  readonly group?: string;
  /** Lower-case plural. */
  readonly resource?: string;
  readonly subresource?: string;
  /** Empty: cluster scope, or all namespaces. */
  readonly namespace?: string;
  /** Empty: the collection. For a list or watch that selects on metadata.name, that name. */
  readonly name?: string;
  readonly path?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Why, for people. Empty where there is nothing to say. */
  readonly reason: string;
}

/** A rule as in rbac.authorization.k8s.io, for what a user may ask about themselves. */
export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** Decides who may do what. Called for every request: answer from memory. */
export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** What `user` may do in `namespace`. */
  rulesFor(user: Identity, namespace: string): Rule[];
}

const ALLOWED: Decision = { allowed: true, reason: '' };
const DENIED: Decision = { allowed: false, reason: '' };

const PUBLIC_PATHS = ['/healthz', '/livez', '/readyz', '/version'];
const DISCOVERY_PATHS = ['/api', '/apis', '/openapi', ...PUBLIC_PATHS];
const SELF_REVIEWS: readonly Rule[] = [
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
];
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/**
 * Until roles can be declared: `system:masters` may do everything; a node's agent (group `nexus:nodes`, user
 * `nexus:node:<name>`) what its work needs and nothing of other nodes; everybody who is known may discover the API and
 * ask about themselves; anybody may ask whether the server is healthy.
 */
export const defaultAuthorizer: Authorizer = {
  authorize(attributes) {
    const { user, path } = attributes;
    if (user.groups.includes(GROUP_MASTERS)) return ALLOWED;
    const known = user.groups.includes(GROUP_AUTHENTICATED);
    if (path !== undefined && attributes.resource === undefined)
      return attributes.verb === 'get' && under(path, known ? DISCOVERY_PATHS : PUBLIC_PATHS)
        ? ALLOWED
        : DENIED;
    if (!known) return DENIED;
    if (SELF_REVIEWS.some(rule => permits(rule, attributes))) return ALLOWED;
    const node = nodeOf(user);
    if (node === undefined) return DENIED;
    const allowed =
      clusterRules(node).some(rule => permits(rule, attributes)) ||
      (attributes.namespace === nodeNamespace(node) &&
        NAMESPACE_RULES.some(rule => permits(rule, attributes)));
    return allowed ? ALLOWED : { allowed: false, reason: `node "${node}" may only use what is its own` };
  },
  rulesFor(user, namespace) {
    if (user.groups.includes(GROUP_MASTERS))
      return [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ];
    if (!user.groups.includes(GROUP_AUTHENTICATED))
      return [{ verbs: ['get'], nonResourceURLs: PUBLIC_PATHS }];
    const node = nodeOf(user);
    return [
      ...SELF_REVIEWS,
      { verbs: ['get'], nonResourceURLs: DISCOVERY_PATHS.flatMap(path => [path, `${path}/*`]) },
      ...(node === undefined ? [] : clusterRules(node)),
      ...(node !== undefined && namespace === nodeNamespace(node) ? NAMESPACE_RULES : []),
    ];
  },
};

/** On the cluster scope. That a node creates no other node is for admission to see: a name is not in its path. */
const clusterRules = (node: string): Rule[] => [
  { verbs: READ, apiGroups: ['nexus.dev'], resources: ['nodes'], resourceNames: [node] },
  { verbs: ['create'], apiGroups: ['nexus.dev'], resources: ['nodes'] },
  {
    verbs: ['get', 'patch', 'update'],
    apiGroups: ['nexus.dev'],
    resources: ['nodes/status'],
    resourceNames: [node],
  },
];

/** In a node's own namespace. That a node changes nothing of a Placement but its finalizers is for admission to see. */
const NAMESPACE_RULES: readonly Rule[] = [
  { verbs: [...READ, 'patch', 'update'], apiGroups: ['nexus.dev'], resources: ['placements'] },
  { verbs: ['get', 'patch', 'update'], apiGroups: ['nexus.dev'], resources: ['placements/status'] },
  { verbs: READ, apiGroups: [''], resources: ['secrets'] },
  { verbs: [...READ, ...WRITE], apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
  // Read to go on counting what an earlier life of the agent has told.
  { verbs: ['get', 'create', 'patch'], apiGroups: [''], resources: ['events'] },
];

/** Whether a rule covers the attributes of a resource request. */
export function permits(
  rule: Rule,
  { verb, group = '', resource = '', subresource, name }: Attributes,
): boolean {
  const wanted = subresource ? `${resource}/${subresource}` : resource;
  return (
    rule.verbs.includes(verb) &&
    (rule.apiGroups?.includes(group) ?? false) &&
    (rule.resources?.includes(wanted) ?? false) &&
    (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name)))
  );
}

const under = (path: string, roots: readonly string[]) =>
  roots.some(root => path === root || path.startsWith(`${root}/`));

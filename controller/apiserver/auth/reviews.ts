import type { ApiContext } from '../context.ts';
import type { DiscoveredResource } from '../discovery/discovery.ts';
import { badRequest, invalid } from '../refusals.ts';
import { required } from '../schema/causes.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import type { Attributes } from './authorizer.ts';
import { GROUP_AUTHENTICATED, type Identity } from './identity.ts';

const review = (group: string, kind: string): DiscoveredResource => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced: false,
  verbs: ['create'],
  shortNames: [],
  categories: [],
  subresources: [],
});

/** Resources that are answered and never stored. */
export const REVIEWS: readonly DiscoveredResource[] = [
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
];

export function findReview(group: string, version: string, plural: string): DiscoveredResource | undefined {
  return REVIEWS.find(one => one.group === group && one.version === version && one.plural === plural);
}

/** Answers a review that `user` has sent. Throws BadRequest, Invalid. */
export function answerReview(
  context: Pick<ApiContext, 'authorizer'>,
  kind: DiscoveredResource,
  body: unknown,
  user: Identity,
): object {
  if (!isObject(body)) throw badRequest('the body must be an object');
  const apiVersion = `${kind.group}/${kind.version}`;
  if (body.kind !== undefined && body.kind !== kind.kind)
    throw badRequest(
      `the kind in the data (${String(body.kind)}) does not match the expected kind (${kind.kind})`,
    );
  const spec = isObject(body.spec) ? body.spec : {};
  const answer = (status: object) => ({
    kind: kind.kind,
    apiVersion,
    metadata: { creationTimestamp: null },
    ...(kind.kind !== 'SelfSubjectReview' && { spec }),
    status,
  });
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return answer({ userInfo: userInfo(user) });
    case 'SelfSubjectRulesReview':
      return answer(rules(context, user, typeof spec.namespace === 'string' ? spec.namespace : ''));
    case 'SelfSubjectAccessReview':
      return answer(decide(context, kind, spec, user));
    default:
      return answer(decide(context, kind, spec, subjectOf(kind, spec)));
  }
}

function userInfo({ name, uid, groups, extra }: Identity) {
  return { username: name, ...(uid !== undefined && { uid }), groups, ...(extra && { extra }) };
}

function rules({ authorizer }: Pick<ApiContext, 'authorizer'>, user: Identity, namespace: string) {
  const all = authorizer.rulesFor(user, namespace);
  return {
    resourceRules: all
      .filter(rule => rule.nonResourceURLs === undefined)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        resourceNames,
      })),
    nonResourceRules: all
      .filter(rule => rule.nonResourceURLs !== undefined)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}

function decide(
  { authorizer }: Pick<ApiContext, 'authorizer'>,
  kind: DiscoveredResource,
  spec: JsonObject,
  user: Identity,
) {
  const { allowed, reason } = authorizer.authorize({ user, ...attributesOf(kind, spec) });
  return { allowed, ...(reason && { reason }) };
}

function attributesOf(kind: DiscoveredResource, spec: JsonObject): Omit<Attributes, 'user'> {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const { resourceAttributes: resource, nonResourceAttributes: other } = spec;
  if (isObject(resource) === isObject(other))
    throw invalid(kind, '', [
      required('spec', 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    ]);
  if (isObject(other)) return { verb: text(other.verb), path: text(other.path) };
  const of = resource as JsonObject;
  return {
    verb: text(of.verb),
    group: text(of.group),
    resource: text(of.resource),
    subresource: text(of.subresource),
    namespace: text(of.namespace),
    name: text(of.name),
  };
}

function subjectOf(kind: DiscoveredResource, spec: JsonObject): Identity {
  const groups = Array.isArray(spec.groups) ? spec.groups.map(String) : [];
  const name = typeof spec.user === 'string' ? spec.user : '';
  if (!name && groups.length === 0)
    throw invalid(kind, '', [required('spec.user', 'at least one of user or group must be specified')]);
  return { name, groups: [...new Set([...groups, GROUP_AUTHENTICATED])] };
}

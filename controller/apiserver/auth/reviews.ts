import { type Clock, timestamp } from '../../kit/clock.ts';
import type { Cause } from '../../kit/errors.ts';
import type { DiscoveredResource } from '../discovery/discovered-resource.ts';
import { badRequest, invalid, shown } from '../refusals.ts';
import { invalid as invalidValue } from '../schema/causes.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import type { Attributes, Authorizer } from './authorizer.ts';
import type { Identity } from './identity.ts';
import { aggregate } from './rbac/rbac-authorizer.ts';
import type { Tokens } from './tokens.ts';

const review = (group: string, kind: string, namespaced = false): DiscoveredResource => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced,
  verbs: ['create'],
  shortNames: [],
  categories: [],
  subresources: [],
});

/** Resources that are answered and never stored. */
export const REVIEWS: readonly DiscoveredResource[] = [
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authentication.k8s.io', 'TokenReview'),
  review('authorization.k8s.io', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
];

const GROUPS: ReadonlySet<string> = new Set(REVIEWS.map(({ group }) => group));

export function findReview(group: string, version: string, plural: string): DiscoveredResource | undefined {
  if (!GROUPS.has(group)) return undefined;
  return REVIEWS.find(one => one.group === group && one.version === version && one.plural === plural);
}

export interface ReviewRequest {
  readonly kind: DiscoveredResource;
  /** In the path; empty for the reviews of the cluster. */
  readonly namespace: string;
  readonly body: unknown;
  /** Who asks. */
  readonly user: Identity;
}

/** Answers a review. Throws BadRequest, Invalid. */
export function answerReview(
  context: {
    readonly authorizer: Authorizer;
    readonly clock: Clock;
    readonly tokens: Pick<Tokens, 'review'>;
  },
  request: ReviewRequest,
): object {
  const { kind, body, user } = request;
  if (!isObject(body)) throw badRequest('the body must be an object');
  if (body.kind !== undefined && body.kind !== kind.kind)
    throw badRequest(
      `the kind in the data (${shown(body.kind)}) does not match the expected kind (${kind.kind})`,
    );
  const head = { kind: kind.kind, apiVersion: `${kind.group}/${kind.version}` };
  if (kind.kind === 'SelfSubjectReview') {
    const metadata = { creationTimestamp: timestamp(context.clock.now()) };
    return { ...head, metadata, status: { userInfo: userInfo(user) } };
  }
  const spec = isObject(body.spec) ? body.spec : {};
  if (kind.kind === 'TokenReview') {
    const metadata = { creationTimestamp: null };
    return { ...head, metadata, spec, status: tokenStatus(context.tokens, spec) };
  }
  if (kind.kind === 'SelfSubjectRulesReview') {
    const metadata = { creationTimestamp: null };
    return { ...head, metadata, spec: {}, status: rulesStatus(context.authorizer, user, spec) };
  }
  const { namespace } = request;
  const metadata = { ...(namespace && { namespace }), creationTimestamp: null };
  return { ...head, metadata, spec, status: accessStatus(context.authorizer, request, body, spec) };
}

function tokenStatus(tokens: Pick<Tokens, 'review'>, { token, audiences }: JsonObject) {
  if (!text(token)) throw badRequest('token is required for TokenReview in authentication');
  const shownTo = textsOf(audiences);
  const found = tokens.review(text(token), shownTo.length > 0 ? shownTo : undefined);
  if (!found) return { user: {}, error: 'invalid bearer token' };
  return { authenticated: true, user: userInfo(found.identity), audiences: found.audiences };
}

function userInfo({ name, uid, groups, extra }: Identity) {
  const more = extra && Object.keys(extra).length > 0 ? extra : undefined;
  return { username: name, ...(uid && { uid }), groups, ...(more && { extra: more }) };
}

function rulesStatus(authorizer: Authorizer, user: Identity, { namespace }: JsonObject) {
  if (typeof namespace !== 'string' || namespace === '') throw badRequest('no namespace on request');
  const { rules, errors } = authorizer.rightsOf(user, namespace);
  return {
    resourceRules: rules
      .filter(rule => rule.resources?.length)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames?.length && { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(rule => rule.nonResourceURLs?.length)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
    ...(errors.length > 0 && { evaluationError: aggregate(errors) }),
  };
}

function accessStatus(authorizer: Authorizer, request: ReviewRequest, body: JsonObject, spec: JsonObject) {
  const { kind, user } = request;
  const causes = [...specCauses(kind, spec), ...scopeCauses(request, body, spec)];
  if (causes.length > 0) throw invalid(kind, '', causes);
  const subject = kind.kind === 'SelfSubjectAccessReview' ? user : subjectOf(spec);
  const { allowed, reason } = authorizer.authorize({ user: subject, ...attributesOf(spec) });
  return { allowed, ...(reason && { reason }) };
}

function specCauses(kind: DiscoveredResource, spec: JsonObject): Cause[] {
  const { resourceAttributes, nonResourceAttributes } = spec;
  const causes: Cause[] = [];
  if (isObject(resourceAttributes) && isObject(nonResourceAttributes))
    causes.push(
      invalidValue(
        'spec.nonResourceAttributes',
        nonResourceAttributes,
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  if (!isObject(resourceAttributes) && !isObject(nonResourceAttributes))
    causes.push(
      invalidValue(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  if (kind.kind !== 'SelfSubjectAccessReview' && !text(spec.user) && textsOf(spec.groups).length === 0)
    causes.push(invalidValue('spec.user', '', 'at least one of user or group must be specified'));
  return causes;
}

/** What a review says of its place. */
function scopeCauses({ kind, namespace }: ReviewRequest, body: JsonObject, spec: JsonObject): Cause[] {
  const { metadata } = body;
  const local = kind.namespaced;
  const given = isObject(metadata) ? metadata : {};
  const causes: Cause[] = [];
  const { managedFields: _m, creationTimestamp: _c, namespace: _n, ...rest } = given;
  if (Object.values(rest).some(value => value !== undefined && value !== null && value !== ''))
    causes.push(
      invalidValue('metadata', metadata, local ? 'must be empty except for namespace' : 'must be empty'),
    );
  if (!local) return causes;
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (isObject(resourceAttributes) && text(resourceAttributes.namespace) !== namespace)
    causes.push(
      invalidValue(
        'spec.resourceAttributes.namespace',
        text(resourceAttributes.namespace),
        'must match metadata.namespace',
      ),
    );
  if (isObject(nonResourceAttributes))
    causes.push(
      invalidValue('spec.nonResourceAttributes', nonResourceAttributes, 'disallowed on this kind of request'),
    );
  return causes;
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: JsonObject): Omit<Attributes, 'user'> {
  if (isObject(nonResourceAttributes))
    return { verb: text(nonResourceAttributes.verb), path: text(nonResourceAttributes.path) };
  const of = resourceAttributes as JsonObject;
  return {
    verb: text(of.verb),
    group: text(of.group),
    resource: text(of.resource),
    subresource: text(of.subresource),
    namespace: text(of.namespace),
    name: text(of.name),
  };
}

/** Groups as they are given: nobody is in system:authenticated unless the review says so. */
function subjectOf({ user, groups, uid }: JsonObject): Identity {
  return { name: text(user), groups: textsOf(groups), ...(text(uid) && { uid: text(uid) }) };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

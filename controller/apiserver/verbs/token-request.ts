import { randomUUID } from 'node:crypto';
import { SECRET, SERVICE_ACCOUNT } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { timestamp } from '../../kit/clock.ts';
import { accountUser, EXTRA_CREDENTIAL, groupsOfAccount } from '../auth/service-account.ts';
import { API_AUDIENCE } from '../auth/tokens.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { BUILTIN_TYPES, decodeBody, mediaTypeOf } from '../http/decode-body.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import { badRequest, conflict, invalid, notFound, shown } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { invalid as invalidValue } from '../schema/causes.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { answerOf, viewOfObject } from './view.ts';

export const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } as const;
const API_VERSION = `${TOKEN_REQUEST.group}/${TOKEN_REQUEST.version}`;
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** Longer than a token's lifetime nobody asks for; beyond this it is shortened, and the answer says so. */
const LONGEST_SECONDS = 365 * 24 * 3600;

/** An object that a token holds no longer than. */
interface Bound {
  readonly key: string;
  readonly uid: string;
}

/** POST of a service account's `token`: a bearer token for it. Throws ApiError. */
export async function requestToken(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const { target, query, headers } = request;
  const { dryRun } = parseWriteOptions(query, 'CreateOptions', {
    userAgent: headers['user-agent'] as string | undefined,
  });
  const account = context.store.get(keyOf(SERVICE_ACCOUNT, target.namespace, target.name));
  if (!account) throw notFound(SERVICE_ACCOUNT, target.name);
  const spec = readSpec(context, request);
  const { expirationSeconds, audiences, boundObjectRef } = spec;
  const { uid } = account.object.metadata as { uid: string };
  const bound: Bound[] = [{ key: account.key, uid }];
  if (boundObjectRef) bound.push(boundTo(context, target.namespace, boundObjectRef));
  const seconds = Math.min(expirationSeconds, LONGEST_SECONDS);
  const now = context.clock.now();
  const { token } = dryRun
    ? { token: '' }
    : await context.tokens.create({
        user: accountUser(target.namespace, target.name),
        uid,
        groups: groupsOfAccount(target.namespace),
        extra: { [EXTRA_CREDENTIAL]: [`JTI=${randomUUID()}`] },
        description: `service account ${target.namespace}/${target.name}`,
        ttlMs: seconds * 1000,
        audiences,
        bound,
      });
  const answer = {
    kind: TOKEN_REQUEST.kind,
    apiVersion: API_VERSION,
    metadata: { name: target.name, namespace: target.namespace, uid, creationTimestamp: timestamp(now) },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: boundObjectRef ?? null },
    status: { token, expirationTimestamp: timestamp(now + seconds * 1000) },
  };
  return answerOf(viewOfObject(answer as unknown as KubeObject), 201);
}

interface Spec {
  readonly audiences: string[];
  readonly expirationSeconds: number;
  readonly boundObjectRef?: JsonObject;
}

function readSpec({ limits }: ApiContext, { body, headers, target }: ApiRequest): Spec {
  const { value = {} } = body?.length
    ? decodeBody(
        body,
        mediaTypeOf(headers['content-type'] as string | undefined),
        { maxDepth: limits.depth, maxYamlAliases: limits.yamlAliases },
        BUILTIN_TYPES,
      )
    : {};
  if (!isObject(value)) throw badRequest('the body must be an object');
  const { kind = TOKEN_REQUEST.kind, apiVersion = API_VERSION } = value;
  if (kind !== TOKEN_REQUEST.kind || apiVersion !== API_VERSION)
    throw badRequest(
      `${shown(kind)} in version "${shown(apiVersion)}" cannot be handled as a TokenRequest of ${API_VERSION}`,
    );
  const metadata = part(value, 'metadata');
  if (metadata.namespace && metadata.namespace !== target.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (metadata.name && metadata.name !== target.name)
    throw invalid(TOKEN_REQUEST, target.name, [
      invalidValue('metadata.name', metadata.name, 'must match the service account name if specified'),
    ]);
  const spec = part(value, 'spec');
  const audiences = spec.audiences ?? [];
  if (!Array.isArray(audiences) || audiences.some(audience => typeof audience !== 'string'))
    throw badRequest('spec.audiences must be a list of strings');
  const seconds = spec.expirationSeconds ?? DEFAULT_SECONDS;
  if (!Number.isSafeInteger(seconds)) throw badRequest('spec.expirationSeconds must be an integer');
  const refused =
    (seconds as number) < MIN_SECONDS
      ? 'may not specify a duration less than 10 minutes'
      : (seconds as number) > MAX_SECONDS
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (refused) throw invalid(TOKEN_REQUEST, '', [invalidValue('spec.expirationSeconds', seconds, refused)]);
  return {
    audiences: audiences.length > 0 ? (audiences as string[]) : [API_AUDIENCE],
    expirationSeconds: seconds as number,
    ...(isObject(spec.boundObjectRef) && { boundObjectRef: spec.boundObjectRef }),
  };
}

function part(value: JsonObject, name: string): JsonObject {
  const of = value[name] ?? {};
  if (!isObject(of)) throw badRequest(`${name} must be an object`);
  return of;
}

function boundTo(
  { store }: ApiContext,
  namespace: string,
  { kind, apiVersion, name, uid }: JsonObject,
): Bound {
  if (kind !== SECRET.kind || (apiVersion ?? 'v1') !== 'v1')
    throw badRequest(
      `cannot bind token to object of type ${shown(apiVersion)}, Kind=${shown(kind)}; it must be a Secret`,
    );
  const entry = store.get(keyOf(SECRET, namespace, shown(name)));
  if (!entry) throw notFound(SECRET, shown(name));
  const actual = entry.object.metadata.uid as string;
  if (uid && uid !== actual)
    throw conflict(
      { ...SECRET, plural: SECRET.kind },
      shown(name),
      `the UID in the bound object reference (${shown(uid)}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return { key: entry.key, uid: actual };
}

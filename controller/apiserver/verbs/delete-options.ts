import type { Cause } from '../../kit/errors.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { BUILTIN_TYPES, decodeBody, mediaTypeOf } from '../http/decode-body.ts';
import { parseBoolean, parseDryRun } from '../http/write-options.ts';
import { badRequest, invalidOptions } from '../refusals.ts';
import { forbidden, invalid, notSupported } from '../schema/causes.ts';
import { isObject } from '../schema/json-schema.ts';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly dryRun: boolean;
  /** Absent: Background, and finalizers of an earlier choice stay. */
  readonly propagationPolicy?: PropagationPolicy;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

const POLICIES: readonly string[] = ['Background', 'Foreground', 'Orphan'];

/** From the body where there is one, else from the query. Throws BadRequest, Invalid. */
export function parseDeleteOptions(context: ApiContext, request: ApiRequest): DeleteOptions {
  const { query, body } = request;
  const options = body?.length ? fromBody(context, request) : fromQuery(query);
  const causes: Cause[] = [];
  const dryRun = parseDryRun(options.dryRun, causes);
  const { policy, orphan } = options;
  if (policy !== undefined && !POLICIES.includes(policy))
    causes.push(notSupported('propagationPolicy', policy, POLICIES));
  if (policy !== undefined && orphan !== undefined)
    causes.push(
      forbidden('propagationPolicy', 'orphanDependents and deletionPropagation cannot be both set'),
    );
  if (options.grace !== undefined && (!Number.isInteger(options.grace) || options.grace < 0))
    causes.push(invalid('gracePeriodSeconds', options.grace, 'must be greater than or equal to 0'));
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const propagationPolicy = (policy ??
    (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background')) as PropagationPolicy | undefined;
  return {
    dryRun,
    ...(propagationPolicy && { propagationPolicy }),
    ...(options.uid && { uid: options.uid }),
    ...(options.resourceVersion && { resourceVersion: options.resourceVersion }),
  };
}

interface RawOptions {
  dryRun: string[];
  policy?: string;
  orphan?: boolean;
  /** Nothing here ends gracefully; it is checked and has no effect. */
  grace?: number;
  uid?: string;
  resourceVersion?: string;
}

function fromQuery(query: URLSearchParams): RawOptions {
  const orphan = query.get('orphanDependents');
  const grace = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  return {
    dryRun: query.getAll('dryRun'),
    ...(policy && { policy }),
    ...(orphan !== null && { orphan: parseBoolean(orphan, 'orphanDependents') }),
    ...(grace && { grace: parseGrace(grace) }),
  };
}

function parseGrace(text: string): number {
  const seconds = Number(text);
  if (!Number.isSafeInteger(seconds)) throw badRequest(`invalid gracePeriodSeconds: ${JSON.stringify(text)}`);
  return seconds;
}

function fromBody(context: ApiContext, { body, headers, query }: ApiRequest): RawOptions {
  const { value } = decodeBody(
    body!,
    mediaTypeOf(headers['content-type'] as string | undefined),
    {
      maxDepth: context.limits.depth,
      maxYamlAliases: context.limits.yamlAliases,
    },
    BUILTIN_TYPES,
  );
  if (!isObject(value)) throw badRequest('the body must be DeleteOptions');
  if (value.kind !== undefined && value.kind !== 'DeleteOptions')
    throw badRequest(`the body must be DeleteOptions, not ${JSON.stringify(value.kind)}`);
  const preconditions = isObject(value.preconditions) ? value.preconditions : {};
  const text = (from: unknown, field: string): string | undefined => {
    if (from === undefined || from === null) return undefined;
    if (typeof from !== 'string') throw badRequest(`${field} must be a string`);
    return from;
  };
  const { dryRun, orphanDependents, gracePeriodSeconds } = value;
  if (dryRun !== undefined && dryRun !== null && !Array.isArray(dryRun))
    throw badRequest('dryRun must be a list');
  return {
    dryRun: [...(Array.isArray(dryRun) ? dryRun.map(String) : []), ...query.getAll('dryRun')],
    policy: text(value.propagationPolicy, 'propagationPolicy'),
    ...(typeof orphanDependents === 'boolean' && { orphan: orphanDependents }),
    ...(typeof gracePeriodSeconds === 'number' && { grace: gracePeriodSeconds }),
    uid: text(preconditions.uid, 'preconditions.uid'),
    resourceVersion: text(preconditions.resourceVersion, 'preconditions.resourceVersion'),
  };
}

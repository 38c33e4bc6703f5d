import type { Cause } from '../../kit/errors.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { BUILTIN_TYPES, decodeBody, mediaTypeOf } from '../http/decode-body.ts';
import { parseDryRun } from '../http/write-options.ts';
import { badRequest, invalidOptions } from '../refusals.ts';
import { invalid, notSupported } from '../schema/causes.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly dryRun: boolean;
  /** Absent: Background, and finalizers of an earlier choice stay. */
  readonly propagationPolicy?: PropagationPolicy;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

const POLICIES: readonly string[] = ['Foreground', 'Background', 'Orphan'];

/** From the body where there is one, else from the query. Throws BadRequest, Invalid. */
export function parseDeleteOptions(context: ApiContext, request: ApiRequest): DeleteOptions {
  const { query, body } = request;
  const options = body?.length ? fromBody(context, request) : fromQuery(query);
  const causes: Cause[] = [];
  const dryRun = parseDryRun(options.dryRun, causes);
  const { policy, orphan } = options;
  if (policy !== undefined && !POLICIES.includes(policy))
    causes.push(notSupported('propagationPolicy', policy, [...POLICIES, 'nil']));
  if (policy !== undefined && orphan !== undefined)
    causes.push(
      invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const propagationPolicy = (policy ??
    (orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background')) as PropagationPolicy | undefined;
  return {
    dryRun,
    ...(propagationPolicy && { propagationPolicy }),
    ...(options.uid !== undefined && { uid: options.uid }),
    ...(options.resourceVersion !== undefined && { resourceVersion: options.resourceVersion }),
  };
}

interface RawOptions {
  dryRun: string[];
  policy?: string;
  orphan?: boolean;
  uid?: string;
  resourceVersion?: string;
}

/** Nothing here ends gracefully: the grace period must be a number and has no effect. */
function fromQuery(query: URLSearchParams): RawOptions {
  const orphan = query.get('orphanDependents');
  const policy = query.get('propagationPolicy');
  const grace = query.get('gracePeriodSeconds');
  if (grace && !Number.isSafeInteger(Number(grace)))
    throw badRequest(`invalid gracePeriodSeconds: parsing ${JSON.stringify(grace)}: invalid syntax`);
  return {
    dryRun: query.getAll('dryRun'),
    ...(policy !== null && { policy }),
    // As Kubernetes reads it: whatever is no "false" means true.
    ...(orphan !== null && { orphan: !/^(0|false)$/i.test(orphan) }),
  };
}

const isText = (value: unknown) => typeof value === 'string';
/** What each field must be. */
const FIELDS: Readonly<Record<string, { readonly type: string; is(value: unknown): boolean }>> = {
  propagationPolicy: { type: 'string', is: isText },
  orphanDependents: { type: 'bool', is: value => typeof value === 'boolean' },
  gracePeriodSeconds: { type: 'int64', is: Number.isInteger },
  dryRun: { type: '[]string', is: value => Array.isArray(value) && value.every(isText) },
  preconditions: { type: 'Preconditions', is: isObject },
};

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
  const given = value ?? {};
  if (!isObject(given)) throw badRequest('the body must be DeleteOptions');
  if (given.kind !== undefined && given.kind !== 'DeleteOptions')
    throw badRequest(`the body must be DeleteOptions, not ${JSON.stringify(given.kind)}`);
  for (const [field, { type, is }] of Object.entries(FIELDS))
    if (!isAbsent(given[field]) && !is(given[field])) throw wrongType(field, type);
  const preconditions = (given.preconditions ?? {}) as JsonObject;
  for (const field of ['uid', 'resourceVersion'])
    if (!isAbsent(preconditions[field]) && !isText(preconditions[field]))
      throw wrongType(`preconditions.${field}`, 'string');
  return {
    // Kubernetes looks at the query only where there is no body; who asks there for a dry run does not want a delete.
    dryRun: [...((given.dryRun ?? []) as string[]), ...query.getAll('dryRun')],
    policy: (given.propagationPolicy ?? undefined) as string | undefined,
    orphan: (given.orphanDependents ?? undefined) as boolean | undefined,
    uid: (preconditions.uid ?? undefined) as string | undefined,
    resourceVersion: (preconditions.resourceVersion ?? undefined) as string | undefined,
  };
}

const isAbsent = (value: unknown) => value === undefined || value === null;

const wrongType = (field: string, type: string) =>
  badRequest(`the body cannot be handled as DeleteOptions: ${field} must be of type ${type}`);

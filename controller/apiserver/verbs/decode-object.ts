import type { KubeObject } from '../../../crds/object.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { BUILTIN_TYPES, decodeBody, mediaTypeOf, OBJECT_TYPES } from '../http/decode-body.ts';
import type { FieldValidation } from '../http/write-options.ts';
import { badRequest, groupKind } from '../refusals.ts';
import type { ServedResource } from '../registry/served-resource.ts';
import { isObject } from '../schema/json-schema.ts';
import { decodeMetadata } from './metadata-types.ts';

/** Faults of a body that fieldValidation decides about. */
export type StrictFaults = readonly string[];

/** The object in a request's body, ours to change. Throws BadRequest, UnsupportedMediaType. */
export function decodeObject(
  context: ApiContext,
  request: ApiRequest,
): { object: KubeObject; faults: StrictFaults } {
  const { body, served } = request;
  if (!body?.length) throw badRequest('the request needs a body');
  const { limits } = context;
  const { value, duplicates } = decodeBody(
    body,
    mediaTypeOf(request.headers['content-type'] as string | undefined),
    {
      maxDepth: limits.depth,
      maxYamlAliases: limits.yamlAliases,
    },
    served.custom ? OBJECT_TYPES : BUILTIN_TYPES,
  );
  const object = asObject(value, served);
  checkNamespace(object, request);
  return { object, faults: duplicates };
}

/** Checks that `value` is an object of the kind that is served here. Throws BadRequest. */
export function asObject(value: unknown, served: ServedResource): KubeObject {
  if (!isObject(value)) throw badRequest('the body must be an object');
  const { resource } = served;
  // Typed clients leave both out for built-in kinds; the path says which one is meant.
  const { apiVersion = served.custom ? undefined : served.apiVersion } = value;
  const { kind = served.custom ? undefined : resource.kind } = value;
  if (typeof kind !== 'string' || kind === '')
    throw badRequest(`Object 'Kind' is missing in ${shorten(value)}`);
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw badRequest(`Object 'apiVersion' is missing in ${shorten(value)}`);
  if (kind !== resource.kind)
    throw badRequest(
      `${kind} in version "${apiVersion}" cannot be handled as a ${resource.kind}: the kind in the data (${kind}) does not match the expected kind (${groupKind(resource)})`,
    );
  if (apiVersion !== served.apiVersion)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${served.apiVersion})`,
    );
  const metadata = decodeMetadata(value.metadata ?? {}, {
    kind: resource.kind,
    version: served.apiVersion.split('/').pop()!,
  });
  // Type and name first, the rest in the order in which it came.
  const { apiVersion: _a, kind: _k, metadata: _m, ...rest } = value;
  return { apiVersion, kind, metadata, ...rest } as KubeObject;
}

function checkNamespace(object: KubeObject, { target, served }: ApiRequest): void {
  const { metadata } = object;
  if (!served.resource.namespaced) {
    if (metadata.namespace) throw badRequest('namespace may not be set on an object of the cluster');
    delete metadata.namespace;
  } else if (metadata.namespace && metadata.namespace !== target.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  else metadata.namespace = target.namespace;
}

/** Of a body with more, the first are told. */
const MAX_FAULTS = 100;

/** Drops what the schema does not know, and refuses, warns or keeps still about it as the client asks. */
export function pruneObject(
  object: KubeObject,
  request: ApiRequest,
  validation: FieldValidation,
  faults: StrictFaults = [],
): void {
  const dropped = request.served.compiled.prune(object);
  if (validation === 'Ignore' || dropped.length + faults.length === 0) return;
  const all = [...faults, ...dropped.map(path => `unknown field "${path}"`)].slice(0, MAX_FAULTS);
  if (validation === 'Strict') {
    const { resource, apiVersion } = request.served;
    throw badRequest(
      `${resource.kind} in version "${apiVersion.split('/').pop()}" cannot be handled as a ${resource.kind}: strict decoding error: ${all.join(', ')}`,
    );
  }
  for (const fault of all) request.warn(fault);
}

const shorten = (value: unknown): string => `'${JSON.stringify(value).slice(0, 256)}'`;

import type { KubeObject } from '../../../crds/object.ts';
import type { JsonObject } from '../schema/json-schema.ts';
import { isStatusPath } from '../strategies/strategy.ts';
import type { Comparison } from './compare.ts';
import { difference, EMPTY, type FieldSet } from './field-set.ts';

/** Where a write comes in. */
export interface Endpoint {
  /** `status`, `scale`; empty or absent for the object itself. */
  subresource?: string;
  /** Whether the kind has a status subresource, so that the main path leaves status alone. Defaults to true. */
  statusSubresource?: boolean;
  /** Fields at the top that a write leaves as they are, so that nobody owns them. Defaults to none. */
  resetFields?: readonly string[];
}

/** Metadata that nobody owns. */
const UNTRACKED_METADATA = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];
/** Fields of the object that nobody owns, though what is in metadata may be owned. */
export const UNTRACKED: FieldSet = {
  'f:apiVersion': EMPTY,
  'f:kind': EMPTY,
  'f:metadata': { '.': EMPTY, ...Object.fromEntries(UNTRACKED_METADATA.map(name => [`f:${name}`, EMPTY])) },
};

/** The object without what nobody owns, so that it is not compared. */
export function untracked(object: KubeObject): JsonObject {
  const {
    apiVersion: _,
    kind: __,
    metadata,
    ...rest
  } = object as unknown as JsonObject & { metadata?: JsonObject };
  const kept: JsonObject = {};
  let some = false;
  for (const name of Object.keys(metadata ?? {})) {
    if (UNTRACKED_METADATA.includes(name)) continue;
    kept[name] = metadata?.[name];
    some = true;
  }
  return some ? { ...rest, metadata: kept } : rest;
}

/** What the endpoint writes: the status path status alone, the main path everything but it. */
function writes({ subresource, statusSubresource = true }: Endpoint, field: string): boolean {
  if (isStatusPath(subresource ?? '')) return field === 'f:status';
  return !(field === 'f:status' && !subresource && statusSubresource);
}

/** Whether who writes a field by the endpoint owns it. */
function owns(endpoint: Endpoint, field: string): boolean {
  return writes(endpoint, field) && !endpoint.resetFields?.includes(field.slice('f:'.length));
}

function ofEndpoint(set: FieldSet, endpoint: Endpoint): FieldSet {
  const fields = Object.keys(set);
  if (fields.every(field => owns(endpoint, field))) return set;
  return Object.fromEntries(
    fields.filter(field => owns(endpoint, field)).map(field => [field, set[field] as FieldSet]),
  );
}

/** Of a set, that which somebody may own. */
export function tracked(set: FieldSet, endpoint: Endpoint): FieldSet {
  return difference(ofEndpoint(set, endpoint), UNTRACKED);
}

/** Of a change, what the endpoint writes and somebody may own. */
export function filtered(change: Comparison, endpoint: Endpoint): Comparison {
  return {
    added: ofEndpoint(change.added, endpoint),
    modified: ofEndpoint(change.modified, endpoint),
    removed: ofEndpoint(change.removed, endpoint),
  };
}

/** The part of a configuration that the endpoint writes. */
export function written(applied: KubeObject, endpoint: Endpoint): JsonObject {
  const config = untracked(applied);
  return Object.fromEntries(Object.entries(config).filter(([key]) => writes(endpoint, `f:${key}`)));
}

/** The object with what nobody owns: kind, name and what the server keeps. */
export function withIdentity(fields: JsonObject, { apiVersion, kind, metadata }: KubeObject): KubeObject {
  const own = metadata as unknown as JsonObject;
  const kept = Object.fromEntries(
    UNTRACKED_METADATA.filter(name => own[name] !== undefined).map(name => [name, own[name]]),
  );
  return {
    ...fields,
    apiVersion,
    kind,
    metadata: { ...kept, ...(fields.metadata as object) },
  } as unknown as KubeObject;
}

import type { KubeObject } from '../../../crds/object.ts';
import { badRequest } from '../refusals.ts';
import { isObject } from '../schema/json-schema.ts';

/** What a member of the metadata is, in the words in which Kubernetes refuses another. */
type Shape =
  | { readonly is: 'string' | 'int64' | 'bool' | 'any' }
  | { readonly is: 'struct'; readonly name: string; readonly fields: ReadonlyMap<string, Shape> }
  | { readonly is: 'list'; readonly of: Shape }
  | { readonly is: 'map'; readonly of: Shape };

const string: Shape = { is: 'string' };
const int64: Shape = { is: 'int64' };
const bool: Shape = { is: 'bool' };
const any: Shape = { is: 'any' };
const list = (of: Shape): Shape => ({ is: 'list', of });
const struct = (name: string, fields: Record<string, Shape>): Shape => ({
  is: 'struct',
  name,
  fields: new Map(Object.entries(fields)),
});

const OWNER = struct('OwnerReference', {
  apiVersion: string,
  kind: string,
  name: string,
  uid: string,
  controller: bool,
  blockOwnerDeletion: bool,
});
const MANAGER = struct('ManagedFieldsEntry', {
  manager: string,
  operation: string,
  apiVersion: string,
  time: string,
  fieldsType: string,
  fieldsV1: any,
  subresource: string,
});
const strings: Shape = { is: 'map', of: string };
const META = struct('ObjectMeta', {
  name: string,
  generateName: string,
  namespace: string,
  uid: string,
  resourceVersion: string,
  generation: int64,
  creationTimestamp: string,
  deletionTimestamp: string,
  deletionGracePeriodSeconds: int64,
  labels: strings,
  annotations: strings,
  finalizers: list(string),
  ownerReferences: list(OWNER),
  managedFields: list(MANAGER),
});
/** What null stands for inside of a list or a map. */
const ZERO = { string: '', int64: 0, bool: false, any: null } as const;

/**
 * Makes `metadata` what a typed decoder would: members that are null are left out, entries that are null are empty.
 * Throws BadRequest for a value of another type than the field's. `kind` and `version` are for the message.
 */
export function decodeMetadata(
  metadata: unknown,
  { kind, version }: { kind: string; version: string },
): KubeObject['metadata'] {
  const fail = (value: unknown, where: string, type: string): never => {
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${typeName(value)} into Go struct field ${where} of type ${type}`,
    );
  };
  if (!isObject(metadata)) return fail(metadata, `${kind}.metadata`, 'v1.ObjectMeta');
  decode(metadata, META, { owner: 'ObjectMeta', path: 'metadata', fail });
  return metadata as unknown as KubeObject['metadata'];
}

interface At {
  /** The struct around. */
  readonly owner: string;
  readonly path: string;
  readonly fail: (value: unknown, where: string, type: string) => never;
}

function decode(value: unknown, shape: Shape, at: At): unknown {
  if (shape.is === 'any') return value;
  if (shape.is === 'struct' || shape.is === 'map') {
    if (value === null) return {};
    if (!isObject(value)) return at.fail(value, `${at.owner}.${at.path}`, goType(shape));
    for (const key of Object.keys(value)) decodeMember(value, key, shape, at);
    return value;
  }
  if (shape.is === 'list') {
    if (!Array.isArray(value)) return at.fail(value, `${at.owner}.${at.path}`, goType(shape));
    for (let i = 0; i < value.length; i++) value[i] = decode(value[i], shape.of, at);
    return value;
  }
  if (value === null) return ZERO[shape.is];
  const isRight =
    shape.is === 'string'
      ? typeof value === 'string'
      : shape.is === 'bool'
        ? typeof value === 'boolean'
        : Number.isInteger(value);
  return isRight ? value : at.fail(value, `${at.owner}.${at.path}`, goType(shape));
}

function decodeMember(
  holder: Record<string, unknown>,
  key: string,
  shape: Extract<Shape, { is: 'struct' | 'map' }>,
  at: At,
): void {
  if (shape.is === 'map') {
    holder[key] = decode(holder[key], shape.of, at);
    return;
  }
  const field = shape.fields.get(key);
  if (!field) return;
  if (holder[key] === null) delete holder[key];
  else holder[key] = decode(holder[key], field, { ...at, owner: shape.name, path: `${at.path}.${key}` });
}

function goType(shape: Shape): string {
  if (shape.is === 'struct') return `v1.${shape.name}`;
  if (shape.is === 'map') return `map[string]${goType(shape.of)}`;
  return shape.is === 'list' ? `[]${goType(shape.of)}` : shape.is;
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' && !Number.isInteger(value) ? `number ${value}` : typeof value;
}

import type { ConfigMap, KubeObject, Namespace, Secret } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { forbidden, invalid, required, tooLong } from '../schema/causes.ts';
import { certificateRequestStrategy } from './certificate-request.ts';
import { crdStrategy } from './crd.ts';
import { eventStrategy } from './event.ts';
import { quotaStrategy } from './quota.ts';
import { RBAC_STRATEGIES } from './rbac.ts';
import { PLAIN_STRATEGY, type Strategy } from './strategy.ts';

/** Bytes of all values together, as in Kubernetes. */
const MAX_DATA_BYTES = 1024 * 1024;
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const NAMESPACE_FINALIZER = 'kubernetes';

const secret: Strategy = {
  ...PLAIN_STRATEGY,
  normalize: object => foldSecret(object as Secret),
  prepareForCreate: object => defaultType(object as Secret),
  prepareForUpdate: object => defaultType(object as Secret),
  validate: (object, old) => validateSecret(object as Secret, old as Secret | undefined),
};

/** stringData is write-only: it becomes data, in which values are base64. */
function foldSecret(object: Secret): void {
  const { stringData } = object;
  if (stringData === undefined) return;
  delete object.stringData;
  if (typeof stringData !== 'object' || stringData === null) return;
  const data: Record<string, string> = { ...object.data };
  // What is no text is told as a wrong type, null is empty.
  for (const [key, value] of Object.entries(stringData))
    data[key] = typeof value === 'string' ? Buffer.from(value).toString('base64') : value;
  object.data = data;
}

function defaultType(object: Secret): void {
  object.type ||= 'Opaque';
}

/** Keys that a Secret of a type must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
};

function validateSecret(next: Secret, old?: Secret): Cause[] {
  const causes = [...checkKeys('data', next.data), ...checkSize('data', [next.data])];
  for (const key of REQUIRED_KEYS[next.type ?? ''] ?? [])
    if (next.data?.[key] === undefined) causes.push(required(`data[${key}]`));
  if (!old) return causes;
  if (next.type !== old.type) causes.push(invalid('type', next.type, 'field is immutable'));
  return [...causes, ...checkImmutable(next, old, ['data'])];
}

const configMap: Strategy = {
  ...PLAIN_STRATEGY,
  validate(object, old) {
    const map = object as ConfigMap;
    const causes = [
      ...checkKeys('data', map.data),
      ...checkKeys('binaryData', map.binaryData),
      ...checkSize('', [map.data, map.binaryData]),
    ];
    for (const key of Object.keys(map.binaryData ?? {}))
      if (map.data?.[key] !== undefined)
        causes.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    return old ? [...causes, ...checkImmutable(map, old as ConfigMap, ['data', 'binaryData'])] : causes;
  },
};

function checkKeys(field: string, data: Record<string, string> | undefined): Cause[] {
  return Object.keys(data ?? {})
    .filter(key => !DATA_KEY.test(key) || key === '.' || key === '..')
    .map(key =>
      invalid(
        `${field}[${key}]`,
        key,
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ),
    );
}

function checkSize(field: string, maps: (Record<string, string> | undefined)[]): Cause[] {
  let size = 0;
  for (const map of maps)
    for (const [key, value] of Object.entries(map ?? {}))
      size += key.length + Buffer.byteLength(String(value));
  // Secrets are counted decoded; base64 makes four bytes of three.
  const limit = field === 'data' ? Math.ceil((MAX_DATA_BYTES * 4) / 3) : MAX_DATA_BYTES;
  return size > limit ? [tooLong(field, MAX_DATA_BYTES)] : [];
}

function checkImmutable<T extends KubeObject & { immutable?: boolean }>(
  next: T,
  old: T,
  fields: readonly (keyof T & string)[],
): Cause[] {
  if (!old.immutable) return [];
  const causes: Cause[] = [];
  if (!next.immutable) causes.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
  for (const field of fields)
    if (!jsonEqual(next[field] ?? {}, old[field] ?? {}))
      causes.push(forbidden(field, 'field is immutable when `immutable` is set'));
  return causes;
}

const namespace: Strategy = {
  ...PLAIN_STRATEGY,
  names: 'label',
  resetFields: ['spec'],
  prepareForCreate(object) {
    const ns = object as Namespace;
    ns.metadata.labels = { ...ns.metadata.labels, 'kubernetes.io/metadata.name': ns.metadata.name };
    ns.spec = { finalizers: [NAMESPACE_FINALIZER] };
    ns.status = { phase: 'Active' };
  },
  prepareForUpdate(object, old) {
    const [next, live] = [object as Namespace, old as Namespace];
    next.metadata.labels = { ...next.metadata.labels, 'kubernetes.io/metadata.name': next.metadata.name };
    if (live.spec === undefined) delete next.spec;
    else next.spec = live.spec;
  },
  holdsDeletion: object => ((object as Namespace).spec?.finalizers?.length ?? 0) > 0,
  markDeleted(object) {
    const ns = object as Namespace;
    ns.status = { ...ns.status, phase: 'Terminating' };
  },
};

/** By kind. */
export const BUILTIN_STRATEGIES: Readonly<Record<string, Strategy>> = {
  Secret: secret,
  ConfigMap: configMap,
  Namespace: namespace,
  Event: eventStrategy,
  Lease: PLAIN_STRATEGY,
  ResourceQuota: quotaStrategy,
  ServiceAccount: PLAIN_STRATEGY,
  CustomResourceDefinition: crdStrategy,
  CertificateSigningRequest: certificateRequestStrategy,
  ...RBAC_STRATEGIES,
};

import { randomInt, randomUUID } from 'node:crypto';
import type { KubeObject, ObjectMeta } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { forbidden, invalid, required } from '../schema/causes.ts';
import { isLabelValue, isQualifiedName } from '../selectors/label-selector.ts';
import { pathSegmentFault, type Strategy } from '../strategies/strategy.ts';

/** Letters and digits that make no words and are not mistaken for one another. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_NAME = 253;
const MAX_LABEL = 63;
const MAX_ANNOTATIONS_BYTES = 256 * 1024;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function generateName(prefix: string): string {
  let name = prefix.slice(0, MAX_LABEL - SUFFIX_LENGTH);
  for (let i = 0; i < SUFFIX_LENGTH; i++) name += ALPHABET[randomInt(ALPHABET.length)];
  return name;
}

/** Fills in what the server decides about a new object, whatever the client sent. */
export function fillNewMetadata(metadata: ObjectMeta, now: string, hasGeneration: boolean): void {
  metadata.uid = randomUUID();
  metadata.creationTimestamp = now;
  if (hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete (metadata as { selfLink?: string }).selfLink;
}

/** Fills in what a client may leave out of an update, and what it has no say in. */
export function carryMetadata(next: ObjectMeta, live: ObjectMeta): void {
  next.uid ||= live.uid;
  next.creationTimestamp ||= live.creationTimestamp;
  next.deletionTimestamp ??= live.deletionTimestamp;
  next.deletionGracePeriodSeconds ??= live.deletionGracePeriodSeconds;
  next.resourceVersion = live.resourceVersion;
  next.generation = live.generation;
  delete (next as { selfLink?: string }).selfLink;
  for (const key of [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
  ] as const)
    if (next[key] === undefined) delete next[key];
}

/** What is wrong with an object's metadata; its types hold already. */
export function validateMetadata(object: KubeObject, names: Strategy['names']): Cause[] {
  const { metadata } = object;
  return [
    ...nameCauses(metadata, names),
    ...labelCauses(metadata),
    ...annotationCauses(metadata),
    ...finalizerCauses(metadata),
    ...ownerCauses(metadata),
  ];
}

function nameCauses({ name, generateName: prefix }: ObjectMeta, names: Strategy['names']): Cause[] {
  if (!name) return [required('metadata.name', 'name or generateName is required')];
  const why =
    names === 'label'
      ? LABEL.test(name) && name.length <= MAX_LABEL
        ? undefined
        : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
      : names === 'subdomain'
        ? SUBDOMAIN.test(name) && name.length <= MAX_NAME
          ? undefined
          : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        : names === 'path-segment'
          ? pathSegmentFault(name)
          : undefined;
  return why
    ? [invalid(prefix && name.startsWith(prefix) ? 'metadata.generateName' : 'metadata.name', name, why)]
    : [];
}

/** Why a key is no qualified name, in Kubernetes' words. */
function qualifiedNameFault(key: string): string {
  const rule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  return key.split('/').length > 2
    ? `a qualified name ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`
    : `name part ${rule}`;
}

function labelCauses({ labels }: ObjectMeta): Cause[] {
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!isQualifiedName(key)) causes.push(invalid('metadata.labels', key, qualifiedNameFault(key)));
    if (!isLabelValue(value))
      causes.push(
        invalid(
          'metadata.labels',
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
      );
  }
  return causes;
}

function annotationCauses({ annotations }: ObjectMeta): Cause[] {
  if (!annotations) return [];
  const causes: Cause[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    if (!isQualifiedName(key.toLowerCase()))
      causes.push(invalid('metadata.annotations', key, qualifiedNameFault(key)));
    size += key.length + Buffer.byteLength(value);
  }
  if (size > MAX_ANNOTATIONS_BYTES)
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${MAX_ANNOTATIONS_BYTES} bytes`,
      field: 'metadata.annotations',
    });
  return causes;
}

function finalizerCauses({ finalizers }: ObjectMeta): Cause[] {
  return (finalizers ?? [])
    .filter(finalizer => !isQualifiedName(finalizer))
    .map(finalizer => invalid('metadata.finalizers', finalizer, qualifiedNameFault(finalizer)));
}

function ownerCauses({ ownerReferences }: ObjectMeta): Cause[] {
  const owners = ownerReferences ?? [];
  const causes: Cause[] = [];
  for (const owner of owners)
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const)
      if (!owner[field])
        causes.push(invalid(`metadata.ownerReferences.${field}`, owner[field], 'must not be empty'));
  if (owners.filter(owner => owner.controller).length > 1)
    causes.push(
      invalid('metadata.ownerReferences', owners, 'Only one reference can have Controller set to true'),
    );
  return causes;
}

/** What an update may not change. */
export function validateMetadataUpdate(next: ObjectMeta, live: ObjectMeta): Cause[] {
  const causes: Cause[] = [];
  for (const field of [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const)
    if (!jsonEqual(next[field], live[field]))
      causes.push(invalid(`metadata.${field}`, next[field], 'field is immutable'));
  if (live.deletionTimestamp) {
    const added = (next.finalizers ?? []).filter(finalizer => !live.finalizers?.includes(finalizer));
    if (added.length > 0)
      causes.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map(f => JSON.stringify(f)).join(', ')}}`,
        ),
      );
  }
  return causes;
}

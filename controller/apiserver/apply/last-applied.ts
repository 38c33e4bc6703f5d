import type { KubeObject } from '../../../crds/object.ts';
import { stableJson } from '../../kit/json.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { compareFields } from './compare.ts';
import { toFieldSet } from './field-paths.ts';
import { difference, type FieldSet, union } from './field-set.ts';
import type { MergeType } from './merge-type.ts';

/** The manager of `kubectl apply --server-side`, which takes over from its client-side self. */
export const KUBECTL = 'kubectl';
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** As in Kubernetes: all annotations together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

/**
 * The fields of the configuration that `kubectl apply` has kept in the object, as far as the object still has them so:
 * what somebody else has changed since is theirs. Undefined without a configuration of this version.
 */
export function lastAppliedFields(object: KubeObject, type: MergeType): FieldSet | undefined {
  const text = object.metadata.annotations?.[LAST_APPLIED];
  if (!text) return undefined;
  try {
    const config: unknown = JSON.parse(text);
    if (!isObject(config) || config.apiVersion !== object.apiVersion) return undefined;
    const { added, modified, removed } = compareFields(config, object as unknown as JsonObject, type);
    return difference(toFieldSet(config, type), union(added, union(modified, removed)));
  } catch {
    return undefined;
  }
}

/** The object with its kept configuration, where it has one, brought up to date, so that a client-side apply goes on from here. */
export function withLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  const { annotations } = object.metadata;
  if (!annotations?.[LAST_APPLIED]) return object;
  const { [LAST_APPLIED]: _, ...own } = applied.metadata.annotations ?? {};
  const config = {
    ...applied,
    metadata: { ...applied.metadata, annotations: applied.metadata.annotations && own },
  };
  const updated: Record<string, string> = { ...annotations, [LAST_APPLIED]: `${stableJson(config)}\n` };
  const bytes = Object.entries(updated).reduce(
    (sum, [k, v]) => sum + Buffer.byteLength(k) + Buffer.byteLength(v),
    0,
  );
  if (bytes > MAX_ANNOTATION_BYTES) delete updated[LAST_APPLIED];
  return { ...object, metadata: { ...object.metadata, annotations: updated } };
}

import type {
  AnyBinding,
  AnyRole,
  ClusterRole,
  KubeObject,
  PolicyRule,
  Subject,
} from '../../../../crds/object.ts';
import { jsonEqual } from '../../../kit/json.ts';
import { uncovered } from './covers.ts';
import { AUTO_UPDATE } from './kubernetes-roles.ts';

export type PolicyObject = AnyRole | AnyBinding;

/** What brings a role or binding to what the server expects of it. */
export type Correction =
  | { readonly kind: 'none' }
  | { readonly kind: 'update'; readonly object: PolicyObject }
  /** The role of a binding cannot be changed: it is deleted and made again. */
  | { readonly kind: 'recreate'; readonly object: PolicyObject };

const NONE: Correction = { kind: 'none' };

/**
 * As Kubernetes reconciles its default roles and bindings at start: what is missing is added, what somebody added
 * stays, and one that is annotated not to be updated is left alone. Pure.
 */
export function correctPolicy(existing: PolicyObject, expected: PolicyObject): Correction {
  if (existing.metadata.annotations?.[AUTO_UPDATE] === 'false') return NONE;
  if (isBinding(existing) && isBinding(expected)) return correctBinding(existing, expected);
  return correctRole(existing as AnyRole, expected as AnyRole);
}

function correctRole(existing: AnyRole, expected: AnyRole): Correction {
  const held = existing.rules ?? [];
  const missing: PolicyRule[] = uncovered(held, expected.rules ?? []);
  const next: AnyRole = {
    ...existing,
    metadata: mergedMetadata(existing, expected),
    ...(missing.length > 0 && { rules: [...held, ...missing] }),
  };
  const selectors = (expected as ClusterRole).aggregationRule?.clusterRoleSelectors;
  const there = (existing as ClusterRole).aggregationRule?.clusterRoleSelectors;
  if (!selectors) delete (next as ClusterRole).aggregationRule;
  else {
    const lacking = selectors.filter(one => !there?.some(other => jsonEqual(one, other)));
    if (lacking.length > 0)
      (next as ClusterRole).aggregationRule = { clusterRoleSelectors: [...(there ?? []), ...lacking] };
  }
  return changed(existing, next);
}

function correctBinding(existing: AnyBinding, expected: AnyBinding): Correction {
  if (!jsonEqual(existing.roleRef, expected.roleRef)) return { kind: 'recreate', object: expected };
  const there = existing.subjects ?? [];
  const missing = (expected.subjects ?? []).filter(one => !there.some(other => sameSubject(one, other)));
  return changed(existing, {
    ...existing,
    metadata: mergedMetadata(existing, expected),
    ...(missing.length > 0 && { subjects: [...there, ...missing] }),
  });
}

const changed = (existing: PolicyObject, object: PolicyObject): Correction =>
  jsonEqual(existing, object) ? NONE : { kind: 'update', object };

/** What is there wins. */
function mergedMetadata(existing: KubeObject, expected: KubeObject): KubeObject['metadata'] {
  const merged = { ...existing.metadata };
  for (const field of ['labels', 'annotations'] as const)
    if (expected.metadata[field])
      merged[field] = { ...expected.metadata[field], ...existing.metadata[field] };
  return merged;
}

const sameSubject = (a: Subject, b: Subject) =>
  a.kind === b.kind &&
  a.name === b.name &&
  (a.apiGroup ?? '') === (b.apiGroup ?? '') &&
  (a.namespace ?? '') === (b.namespace ?? '');

const isBinding = (object: PolicyObject): object is AnyBinding => 'roleRef' in object;

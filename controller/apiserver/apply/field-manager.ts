import type { KubeObject } from '../../../crds/object.ts';
import { ApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { JsonObject, JsonSchema } from '../schema/json-schema.ts';
import { addedFields, type Comparison, compareFields } from './compare.ts';
import { type Conflict, conflictError } from './conflicts.ts';
import { refuseDuplicates } from './duplicates.ts';
import { collapseAtomic, removeFields, toFieldSet, withNamedFields } from './field-paths.ts';
import { difference, EMPTY, equal, type FieldSet, intersection, isEmpty, union } from './field-set.ts';
import { KUBECTL, lastAppliedFields, withLastApplied } from './last-applied.ts';
import {
  capUpdaters,
  encodeManagers,
  type Manager,
  type Managers,
  managerKey,
  requestedManagers,
  storedManagers,
} from './managers.ts';
import { mergeApplied } from './merge.ts';
import { type MergeType, mergeTypeOf } from './merge-type.ts';
import {
  type Endpoint,
  filtered,
  tracked,
  UNTRACKED,
  untracked,
  withIdentity,
  written,
} from './tracked-fields.ts';

interface Common extends Endpoint {
  /** Who writes: the request's `fieldManager`. */
  manager: string;
  schema: JsonSchema;
  /** RFC 3339, to the second. */
  time: string;
}

export interface ApplyRequest extends Common {
  /** As stored; absent to create it. */
  live: KubeObject | undefined;
  /** The applied configuration. */
  applied: KubeObject;
  /** Takes fields over from other managers instead of refusing. */
  force?: boolean;
}

export interface UpdateRequest extends Common {
  /** As stored; absent for a create. */
  live: KubeObject | undefined;
  /** As it will be stored. */
  next: KubeObject;
}

const BEFORE_FIRST_APPLY = 'before-first-apply';
/** Metadata itself: it stays, whatever is taken out of it. */
const METADATA: FieldSet = { 'f:metadata': EMPTY };

/**
 * Server-side apply: merges the configuration over the live object, removes what this manager applied before and
 * applies no more and nobody else owns, and keeps account of owners. Returns `live` itself when nothing changes.
 * Throws ApiError: Conflict with a cause for each field that another manager owns with another value (unless `force`),
 * BadRequest and Invalid when the configuration cannot be applied.
 */
export function applyPatch(request: ApplyRequest): KubeObject {
  const { live, applied, manager, force = false } = request;
  check(request);
  const type = mergeTypeOf(request.schema);
  refuseDuplicates(applied, type);
  const before = storedManagers(live);
  const managers = inPresentTerms(startingManagers(request, before, type), type);
  const current: KubeObject = live ?? identityOf(applied);
  const from = { current, managers, type };
  const allowed = manager === KUBECTL && !force ? lastAppliedFields(current, type) : undefined;
  const merged = merge(request, from, allowed);
  const result = manager === KUBECTL ? withLastApplied(merged.object, applied) : merged.object;
  const changed = !live || !jsonEqual(untracked(live), untracked(result));
  if (live && !changed && sameOwners(before, merged.managers)) return live;
  const own = merged.managers.get(merged.key);
  const last = before.get(merged.key);
  if (own && (changed || !last || !equal(last.fields, own.fields)))
    merged.managers.set(merged.key, { ...own, time: request.time });
  return withManagers(result, merged.managers);
}

function check({ applied, manager, live }: ApplyRequest): void {
  if (!manager) throw new ApiError('BadRequest', 'fieldManager is required for apply patch');
  if (applied.metadata?.managedFields !== undefined && applied.metadata.managedFields !== null)
    throw new ApiError('BadRequest', 'metadata.managedFields must be nil');
  const { uid, resourceVersion } = applied.metadata ?? {};
  if (uid && uid !== live?.metadata.uid)
    throw new ApiError(
      'Conflict',
      `uid mismatch: the configuration is for the object with uid ${uid}, which is gone`,
    );
  if (resourceVersion && resourceVersion !== live?.metadata.resourceVersion)
    throw new ApiError(
      'Conflict',
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  if (live && applied.apiVersion !== live.apiVersion)
    throw new ApiError(
      'BadRequest',
      `Incorrect version specified in apply patch. Specified patch version: ${applied.apiVersion}, expected: ${live.apiVersion}`,
    );
}

function identityOf({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace } = metadata;
  return { apiVersion, kind, metadata: namespace === undefined ? { name } : { name, namespace } };
}

/** An object from before there were managers belongs to one of its own, so that what it holds is not taken silently. */
function startingManagers(request: ApplyRequest, before: Managers, type: MergeType): Managers {
  if (before.size > 0 || !request.live) return new Map(before);
  const added = addedFields(untracked(request.live), type);
  const owner: Manager = {
    name: BEFORE_FIRST_APPLY,
    operation: 'Update',
    apiVersion: request.live.apiVersion,
    subresource: request.subresource ?? '',
    time: request.time,
    fields: tracked(added, request),
  };
  if (isEmpty(owner.fields)) return new Map();
  return new Map([[managerKey(owner), owner]]);
}

/** What managers own as the schema has it now. */
function inPresentTerms(managers: Managers, type: MergeType): Managers {
  for (const [key, manager] of managers) {
    const fields = collapseAtomic(manager.fields, type);
    if (fields !== manager.fields) managers.set(key, { ...manager, fields });
  }
  return managers;
}

interface From {
  current: KubeObject;
  managers: Managers;
  type: MergeType;
}

/** `allowed`: fields that may be taken over without force. */
function merge(request: ApplyRequest, { current, managers, type }: From, allowed: FieldSet | undefined) {
  const { applied, manager: name, force = false, subresource = '' } = request;
  const { apiVersion } = applied;
  const fields = tracked(toFieldSet(applied, type), request);
  const own: Manager = { name, operation: 'Apply', apiVersion, subresource, time: undefined, fields };
  const key = managerKey(own);
  const last = managers.get(key);
  const after: Managers = new Map(managers);
  after.set(key, { ...own, time: last?.time });
  const merged = mergeApplied(untracked(current), written(applied, request), type);
  const dropped = last && difference(last.fields, fields);
  const pruned = (
    dropped && !isEmpty(dropped) ? prune(merged, last.fields, { after, type }) : merged
  ) as JsonObject;
  const change = filtered(compareFields(untracked(current), pruned, type), request);
  const conflicts = yieldTo(after, key, change);
  const refused = force
    ? []
    : conflicts.map(c => (allowed ? { ...c, fields: difference(c.fields, allowed) } : c));
  const left = refused.filter(conflict => !isEmpty(conflict.fields));
  if (left.length > 0) throw conflictError(left);
  if (isEmpty(fields)) after.delete(key);
  return { object: withIdentity(pruned, current), managers: after, key };
}

/** Takes what has changed away from everybody but `key`, and tells which of it was changed under them. */
function yieldTo(managers: Managers, key: string | undefined, change: Comparison): Conflict[] {
  const taken = union(change.modified, change.added);
  const lost = union(taken, change.removed);
  const conflicts: Conflict[] = [];
  if (isEmpty(lost)) return conflicts;
  for (const [other, manager] of managers) {
    if (other === key) continue;
    const fields = intersection(manager.fields, taken);
    if (!isEmpty(fields)) conflicts.push({ manager, fields });
    const rest = difference(manager.fields, lost);
    if (isEmpty(rest)) managers.delete(other);
    else if (rest !== manager.fields && !equal(rest, manager.fields))
      managers.set(other, { ...manager, fields: rest });
  }
  return conflicts;
}

/** Removes what was applied last time, is not applied now, and belongs to nobody else. */
function prune(
  merged: unknown,
  last: FieldSet,
  { after, type }: { after: Managers; type: MergeType },
): unknown {
  const named = (set: FieldSet) => withNamedFields(set, type);
  const lastNamed = named(last);
  let managed = EMPTY;
  for (const manager of after.values()) managed = union(managed, manager.fields);
  const all = named(toFieldSet(merged, type));
  const without = removeFields(merged, lastNamed, type) ?? {};
  const kept = union(union(named(toFieldSet(without, type)), METADATA), named(managed));
  const owned = removeFields(merged, difference(all, kept), type) ?? {};
  const gone = difference(all, union(named(toFieldSet(owned, type)), METADATA));
  return removeFields(merged, intersection(gone, lastNamed), type, true);
}

/**
 * Keeps `next.metadata.managedFields` for a write that is no apply: the manager owns what it changed, others lose it.
 * Returns `next` with its managers, or `next` itself when they are right as they are.
 */
export function updateManagedFields(request: UpdateRequest): KubeObject {
  const { live, next, manager: name, subresource = '', time } = request;
  const type = mergeTypeOf(request.schema);
  const managers = inPresentTerms(requestedManagers(live, next, subresource), type);
  // An object that nobody keeps account of stays so.
  if (live && managers.size === 0) return withManagers(next, managers);
  const changed = live
    ? compareFields(untracked(live), untracked(next), type)
    : { added: addedFields(untracked(next), type), modified: EMPTY, removed: EMPTY };
  const change = filtered(changed, request);
  const taken = difference(union(change.modified, change.added), UNTRACKED);
  yieldTo(managers, undefined, change);
  if (!isEmpty(taken)) {
    const own: Manager = {
      name,
      operation: 'Update',
      apiVersion: next.apiVersion,
      subresource,
      time,
      fields: taken,
    };
    const key = managerKey(own);
    const previous = managers.get(key);
    managers.set(key, previous ? { ...own, fields: union(previous.fields, taken) } : own);
  }
  capUpdaters(managers);
  return withManagers(next, managers);
}

function sameOwners(before: Managers, after: Managers): boolean {
  if (before.size !== after.size) return false;
  for (const [key, manager] of after) {
    const old = before.get(key);
    if (!old || old.apiVersion !== manager.apiVersion || !equal(old.fields, manager.fields)) return false;
  }
  return true;
}

function withManagers(object: KubeObject, managers: Managers): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  const entries = encodeManagers(managers);
  return { ...object, metadata: entries.length > 0 ? { ...metadata, managedFields: entries } : metadata };
}

import type { KubeObject, ManagedFieldsEntry } from '../../../crds/object.ts';
import { jsonEqual } from '../../kit/json.ts';
import { type FieldSet, isEmpty, parseFieldSet, union } from './field-set.ts';

/** One manager: who it is, and what it owns. */
export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339; when the manager last took fields. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Managers by who they are. */
export type Managers = Map<string, Manager>;

/** As in Kubernetes: more would let an object grow with every program that ever touched it. */
export const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';

/** An applier is the same whatever version it applies in; an updater is another in each version. */
export function managerKey(
  manager: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>,
): string {
  const version = manager.operation === 'Update' ? manager.apiVersion : '';
  return `${manager.operation}\n${manager.name}\n${version}\n${manager.subresource}`;
}

/** undefined when an entry is none that Kubernetes would read. */
export function parseManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const { operation, fieldsType, fieldsV1 } = entry;
    if ((operation !== 'Apply' && operation !== 'Update') || (fieldsType ?? 'FieldsV1') !== 'FieldsV1')
      return undefined;
    const fields = parseFieldSet(fieldsV1 ?? {});
    if (!fields) return undefined;
    const manager = toManager(entry, operation, fields);
    managers.set(managerKey(manager), manager);
  }
  return managers;
}

function toManager(entry: ManagedFieldsEntry, operation: 'Apply' | 'Update', fields: FieldSet): Manager {
  return {
    name: entry.manager ?? '',
    operation,
    apiVersion: entry.apiVersion ?? '',
    subresource: entry.subresource ?? '',
    time: entry.time,
    fields,
  };
}

/** The managers of a stored object, whose entries this server has checked before. */
export function storedManagers(object: KubeObject | undefined): Managers {
  const managers: Managers = new Map();
  for (const entry of object?.metadata.managedFields ?? []) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') continue;
    const manager = toManager(entry, entry.operation, (entry.fieldsV1 ?? {}) as FieldSet);
    managers.set(managerKey(manager), manager);
  }
  return managers;
}

/**
 * The managers that an update starts from: those in the request where it brings other ones than are stored, so that
 * tools may rewrite them, else the stored ones. A request with none at all or one empty entry forgets them.
 */
export function requestedManagers(
  live: KubeObject | undefined,
  next: KubeObject,
  subresource: string,
): Managers {
  const entries = next.metadata.managedFields;
  const stored = live?.metadata.managedFields;
  if (subresource || entries === undefined || entries === stored) return storedManagers(live);
  const empty = entries.length === 1 && jsonEqual(entries[0], {});
  if (entries.length === 0 || empty) return new Map();
  if (stored && jsonEqual(entries, stored)) return storedManagers(live);
  return parseManagers(entries) ?? storedManagers(live);
}

/** Merges the oldest updaters into one until there are few enough. */
export function capUpdaters(managers: Managers): void {
  const updaters = [...managers.entries()].filter(([, manager]) => manager.operation === 'Update');
  if (updaters.length <= MAX_UPDATE_MANAGERS) return;
  const seconds = (manager: Manager) => (manager.time ? Date.parse(manager.time) : 0);
  updaters.sort(([a, x], [b, y]) => seconds(x) - seconds(y) || (a < b ? -1 : 1));
  const first = new Map<string, string>();
  let count = updaters.length;
  for (const [key, manager] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) return;
    const { apiVersion } = manager;
    const bucket: Manager = {
      name: ANCIENT,
      operation: 'Update',
      apiVersion,
      subresource: '',
      time: manager.time,
      fields: manager.fields,
    };
    const bucketKey = managerKey(bucket);
    const oldest = first.get(apiVersion);
    if (oldest === undefined) {
      first.set(apiVersion, key);
      continue;
    }
    const collected = managers.get(bucketKey) ?? managers.get(oldest);
    managers.delete(oldest);
    managers.delete(key);
    managers.set(bucketKey, { ...bucket, fields: union(manager.fields, collected?.fields ?? {}) });
    count--;
  }
}

/** Entries in Kubernetes' order: appliers first, then by time and name. Managers that own nothing are left out. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()]
    .filter(manager => !isEmpty(manager.fields))
    .sort(
      (a, b) =>
        order(a.operation, b.operation) ||
        order(a.time ?? '', b.time ?? '') ||
        order(a.name, b.name) ||
        order(a.apiVersion, b.apiVersion) ||
        order(a.subresource, b.subresource),
    )
    .map(manager => ({
      manager: manager.name,
      operation: manager.operation,
      apiVersion: manager.apiVersion,
      ...(manager.time !== undefined && { time: manager.time }),
      fieldsType: 'FieldsV1',
      fieldsV1: manager.fields,
      ...(manager.subresource && { subresource: manager.subresource }),
    }));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

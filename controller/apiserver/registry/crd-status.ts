import type { Condition } from '../../../crds/object.ts';
import { type CrdNames, type CustomResourceDefinition, completeNames, isEstablished } from './crd.ts';

/**
 * The status a CRD should have beside `others`: its names are accepted unless an established CRD of its group uses one
 * of them; with its names accepted it is established at once.
 */
export function crdStatus(
  crd: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
  now: string,
): NonNullable<CustomResourceDefinition['status']> {
  const { accepted, conflict } = acceptNames(crd, others);
  const old = crd.status?.conditions ?? [];
  // Once established, always: objects exist under the accepted names.
  const established = !conflict || isEstablished(crd);
  const conditions = [
    condition(old, now, {
      type: 'NamesAccepted',
      status: conflict ? 'False' : 'True',
      reason: conflict?.reason ?? 'NoConflicts',
      message: conflict?.message ?? 'no conflicts found',
    }),
    condition(old, now, {
      type: 'Established',
      status: established ? 'True' : 'False',
      reason: established ? 'InitialNamesAccepted' : 'NotAccepted',
      message: established ? 'the initial names have been accepted' : 'not all names are accepted',
    }),
    ...old.filter(({ type }) => type !== 'NamesAccepted' && type !== 'Established'),
  ];
  const storage = crd.spec.versions.find(version => version.storage)?.name;
  const stored = crd.status?.storedVersions ?? [];
  return {
    ...crd.status,
    conditions,
    acceptedNames: accepted,
    storedVersions: storage === undefined || stored.includes(storage) ? stored : [...stored, storage],
  };
}

/** Keeps the time of the last transition where the status stays. */
function condition(
  old: readonly Condition[],
  now: string,
  next: Omit<Condition, 'lastTransitionTime'>,
): Condition {
  const before = old.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now;
  return { ...next, lastTransitionTime };
}

/** The names that nobody else of the group has, and the last of those that somebody has. */
function acceptNames(
  crd: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
): { accepted: CrdNames; conflict: { reason: string; message: string } | undefined } {
  const mine = completeNames(crd.spec.names);
  const before: Partial<CrdNames> = crd.status?.acceptedNames ?? {};
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of others) {
    if (other.metadata.name === crd.metadata.name || other.spec.group !== crd.spec.group) continue;
    const { plural, singular, kind, listKind, shortNames = [] } = other.status?.acceptedNames ?? NO_NAMES;
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  let conflict: { reason: string; message: string } | undefined;
  /** Whether all of `names` are free. */
  const free = (reason: string, names: readonly string[], taken: Set<string>) => {
    const used = names.find(name => taken.has(name));
    if (used !== undefined) conflict = { reason, message: `${JSON.stringify(used)} is already in use` };
    return used === undefined;
  };
  const { plural, singular, shortNames = [], kind, listKind } = mine;
  const one = (reason: string, name: string, taken: Set<string>, old?: string) =>
    free(reason, [name], taken) ? name : (old ?? '');
  const accepted: CrdNames = {
    plural: one('PluralConflict', plural, resources, before.plural),
    ...optional('singular', one('SingularConflict', singular, resources, before.singular)),
    ...optional(
      'shortNames',
      free('ShortNamesConflict', shortNames, resources) ? shortNames : (before.shortNames ?? []),
    ),
    kind: one('KindConflict', kind, kinds, before.kind),
    ...optional('listKind', one('ListKindConflict', listKind, kinds, before.listKind)),
    ...optional('categories', mine.categories ?? []),
  };
  return { accepted, conflict };
}

const NO_NAMES: Partial<CrdNames> = {};

const optional = <T extends string | readonly string[]>(key: string, value: T) =>
  value.length > 0 ? { [key]: value } : {};

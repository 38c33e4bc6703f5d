import type { Condition } from '../../../crds/object.ts';
import { type CustomResourceDefinition, completeNames, isEstablished } from './crd.ts';

/**
 * The status a CRD should have beside `others`: its names are accepted unless an established CRD of its group uses one
 * of them; with its names accepted it is established at once.
 */
export function crdStatus(
  crd: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
  now: string,
): NonNullable<CustomResourceDefinition['status']> {
  const conflict = nameConflict(crd, others);
  const names = completeNames(crd.spec.names);
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
    acceptedNames: conflict ? (crd.status?.acceptedNames ?? { plural: '', kind: '' }) : names,
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

/** The first of the names that an established CRD of the same group has taken. */
function nameConflict(
  crd: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
): { reason: string; message: string } | undefined {
  const mine = completeNames(crd.spec.names);
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of others) {
    if (other.metadata.name === crd.metadata.name || other.spec.group !== crd.spec.group) continue;
    if (!isEstablished(other)) continue;
    const theirs = completeNames(other.spec.names);
    for (const name of [theirs.plural, theirs.singular, ...(theirs.shortNames ?? [])]) resources.add(name);
    for (const kind of [theirs.kind, theirs.listKind]) kinds.add(kind);
  }
  const checks: [reason: string, name: string, taken: Set<string>][] = [
    ['PluralConflict', mine.plural, resources],
    ['SingularConflict', mine.singular, resources],
    ...(mine.shortNames ?? []).map((name): [string, string, Set<string>] => [
      'ShortNamesConflict',
      name,
      resources,
    ]),
    ['KindConflict', mine.kind, kinds],
    ['ListKindConflict', mine.listKind, kinds],
  ];
  const conflict = checks.find(([, name, taken]) => taken.has(name));
  return conflict && { reason: conflict[0], message: `"${conflict[1]}" is already in use` };
}

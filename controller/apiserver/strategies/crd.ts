import type { Condition } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { compileJsonPath } from '../../kit/jsonpath.ts';
import { type CustomResourceDefinition, completeNames } from '../registry/crd.ts';
import { forbidden, invalid, notSupported } from '../schema/causes.ts';
import { checkStructural } from '../schema/compile.ts';
import { isObject } from '../schema/json-schema.ts';
import { PLAIN_STRATEGY, type Strategy } from './strategy.ts';

const LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;
/** Held until the server has removed every object of the kind. */
export const CRD_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

export const crdStrategy: Strategy = {
  ...PLAIN_STRATEGY,
  hasGeneration: true,
  prepareForCreate(object) {
    const crd = object as CustomResourceDefinition;
    fillIn(crd);
    const storage = storageVersion(crd);
    crd.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storage === undefined ? [] : [storage],
    };
  },
  prepareForUpdate(object) {
    const crd = object as CustomResourceDefinition;
    fillIn(crd);
    // At once, so that no version in which something may be stored is forgotten, however fast it changes.
    const stored = crd.status?.storedVersions ?? [];
    const storage = storageVersion(crd);
    if (crd.status && storage !== undefined && !stored.includes(storage))
      crd.status = { ...crd.status, storedVersions: [...stored, storage] };
  },
  // Not before, so that a definition that is replaced as a whole cannot lose it.
  markDeleted(object) {
    const { metadata, status } = object as CustomResourceDefinition;
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), CRD_FINALIZER])];
    const terminating: Condition = {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'the objects of this kind are deleted first',
      lastTransitionTime: metadata.deletionTimestamp!,
    };
    const others = (status?.conditions ?? []).filter(({ type }) => type !== 'Terminating');
    (object as CustomResourceDefinition).status = { ...status, conditions: [...others, terminating] };
  },
  validate: (object, old) => validateCrd(object as CustomResourceDefinition, old as CustomResourceDefinition),
};

/** Of a definition that may be anything still: what it is filled in with comes before it is validated. */
function storageVersion({ spec }: CustomResourceDefinition): string | undefined {
  const versions: unknown = spec?.versions;
  return Array.isArray(versions) ? versions.find(version => version?.storage)?.name : undefined;
}

function fillIn(crd: CustomResourceDefinition): void {
  if (!isObject(crd.spec)) return;
  if (typeof crd.spec.names?.kind === 'string') crd.spec.names = completeNames(crd.spec.names);
  if (crd.spec.conversion === undefined) crd.spec.conversion = { strategy: 'None' };
}

function validateCrd(crd: CustomResourceDefinition, old?: CustomResourceDefinition): Cause[] {
  const { spec } = crd;
  const causes: Cause[] = [];
  const names = spec.names;
  if (crd.metadata.name !== `${names.plural}.${spec.group}`)
    causes.push(invalid('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (!SUBDOMAIN.test(spec.group))
    causes.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
  for (const field of ['plural', 'singular'] as const)
    if (!LABEL.test(names[field] ?? ''))
      causes.push(
        invalid(
          `spec.names.${field}`,
          names[field],
          "a DNS-1035 label must consist of lower case alphanumeric characters or '-'",
        ),
      );
  if (!LABEL.test(names.kind.toLowerCase()))
    causes.push(
      invalid(
        'spec.names.kind',
        names.kind,
        'may have mixed case, but should otherwise match a DNS-1035 label',
      ),
    );
  if (spec.preserveUnknownFields) causes.push(invalid('spec.preserveUnknownFields', true, 'must be false'));
  if (spec.conversion?.strategy !== 'None')
    causes.push(notSupported('spec.conversion.strategy', spec.conversion?.strategy, ['None']));
  causes.push(...checkVersions(crd));
  if (old) {
    if (spec.scope !== old.spec.scope) causes.push(immutable('spec.scope', spec.scope));
    if (spec.group !== old.spec.group) causes.push(immutable('spec.group', spec.group));
    if (spec.names.plural !== old.spec.names.plural)
      causes.push(immutable('spec.names.plural', names.plural));
    if (spec.names.kind !== old.spec.names.kind) causes.push(immutable('spec.names.kind', names.kind));
  }
  // Compiling every schema is the costly part: only when something in it may have changed.
  if (!old || !jsonEqual(spec.versions, old.spec.versions)) causes.push(...checkStructural(crd));
  return causes;
}

const immutable = (field: string, value: unknown) => invalid(field, value, 'field is immutable');

function checkVersions({ spec, status }: CustomResourceDefinition): Cause[] {
  const causes: Cause[] = [];
  const storage = spec.versions.filter(version => version.storage);
  if (storage.length !== 1)
    causes.push(
      invalid(
        'spec.versions',
        spec.versions.map(v => v.name),
        'must have exactly one version marked as storage version',
      ),
    );
  for (const [i, stored] of (status?.storedVersions ?? []).entries())
    if (!spec.versions.some(version => version.name === stored))
      causes.push(
        invalid(
          `status.storedVersions[${i}]`,
          stored,
          `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`,
        ),
      );
  const seen = new Set<string>();
  spec.versions.forEach((version, i) => {
    const field = `spec.versions[${i}]`;
    if (seen.has(version.name)) causes.push(invalid(`${field}.name`, version.name, 'must be unique'));
    seen.add(version.name);
    if (!LABEL.test(version.name))
      causes.push(invalid(`${field}.name`, version.name, 'must be a DNS-1035 label'));
    const paths = [
      ...(version.additionalPrinterColumns ?? []).map((c, j) => [
        `additionalPrinterColumns[${j}]`,
        c.jsonPath,
      ]),
      ...(version.selectableFields ?? []).map((f, j) => [`selectableFields[${j}]`, f.jsonPath]),
    ] as const;
    for (const [where, path] of paths)
      if (!compiles(path!))
        causes.push(invalid(`${field}.${where}.jsonPath`, path, 'is not a JSONPath that is supported'));
    if ((version.selectableFields?.length ?? 0) > 8)
      causes.push(forbidden(`${field}.selectableFields`, 'must have at most 8 items'));
  });
  return causes;
}

function compiles(path: string): boolean {
  if (!path.startsWith('.')) return false;
  try {
    compileJsonPath(path);
    return true;
  } catch {
    return false;
  }
}

import type { Resource } from '../../../crds/kinds.ts';
import { apiVersionOf } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { compileJsonPath } from '../../kit/jsonpath.ts';
import { invalid } from '../schema/causes.ts';
import { type CompiledSchema, compileSchema } from '../schema/compile.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { type FieldLabels, METADATA_FIELDS } from '../selectors/field-selector.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { type Column, printerColumns } from '../tables/column.ts';
import { type CrdVersion, type CustomResourceDefinition, completeNames } from './crd.ts';
import { compareVersions } from './version-order.ts';

/** Everything about a resource that handling a request needs; made once, when its definition changes. */
export interface ServedResource {
  readonly resource: Resource;
  /** As served: `nexus.dev/v1alpha1`. */
  readonly apiVersion: string;
  /** As stored; differs from apiVersion in a custom resource with several versions. */
  readonly storageApiVersion: string;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  /** From a CRD: no strategic merge patches, resourceVersion needed to replace. */
  readonly custom: boolean;
  /** Whether status has a path of its own. */
  readonly hasStatus: boolean;
  /** Where `/scale` finds what it shows; absent when there is none. */
  readonly scale?: ScalePaths;
  readonly schema: JsonSchema;
  /** Compiled on first use. */
  readonly compiled: CompiledSchema;
  readonly columns: readonly Column[];
  readonly fieldLabels: FieldLabels;
  readonly strategy: Strategy;
  /** Its definition is being deleted: nothing new may be created. */
  readonly terminating?: boolean;
  /** Sent as a Warning header with every request. */
  readonly deprecation?: string;
  /** Where objects are stored as those of another kind, which this is only another form of. */
  readonly form?: StoredForm;
}

/** Between what is served and what is stored. Neither method changes what it is given. */
export interface StoredForm {
  fromStored(object: KubeObject): KubeObject;
  toStored(object: KubeObject): KubeObject;
}

/** Keys on the way to each of them. */
export interface ScalePaths {
  readonly spec: readonly string[];
  readonly status: readonly string[];
  readonly selector?: readonly string[];
}

/** Verbs of everything that is stored. */
export const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const;

/** Groups whose keys begin with something else than their name. Events of both groups are the same ones. */
const STORED_IN: Readonly<Record<string, string>> = { '': 'core', 'events.k8s.io': 'core' };

/** Prefix of the keys of all objects of a resource, or of those in one namespace. */
export function prefixOf(resource: Pick<Resource, 'group' | 'plural'>, namespace = ''): string {
  const { group, plural } = resource;
  const prefix = `/${STORED_IN[group] ?? group}/${plural}/`;
  return namespace ? `${prefix}${namespace}/` : prefix;
}

export function keyOf(resource: Pick<Resource, 'group' | 'plural'>, namespace: string, name: string): string {
  return `${prefixOf(resource)}${namespace}/${name}`;
}

/** The same as VERBS, as discovery lists them for custom kinds. */
const CUSTOM_VERBS = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
] as const satisfies readonly (typeof VERBS)[number][];

type Parts = Omit<ServedResource, 'compiled' | 'apiVersion' | 'storageApiVersion' | 'verbs'> & {
  storageApiVersion?: string;
  /** Defaults to all. */
  verbs?: readonly string[];
};

export function servedResource(parts: Parts): ServedResource {
  const apiVersion = apiVersionOf(parts.resource);
  let compiled: CompiledSchema | undefined;
  return {
    ...parts,
    apiVersion,
    storageApiVersion: parts.storageApiVersion ?? apiVersion,
    verbs: parts.verbs ?? (parts.custom ? CUSTOM_VERBS : VERBS),
    get compiled() {
      compiled ??= compileSchema(parts.schema, { typed: !parts.custom });
      return compiled;
    },
  };
}

/** One entry a served version. */
export function resourcesOfCrd(crd: CustomResourceDefinition, strategy: Strategy): ServedResource[] {
  const { group, scope, versions } = crd.spec;
  // What was asked for may belong to others.
  const accepted = crd.status?.acceptedNames;
  const names = completeNames(accepted?.plural && accepted.kind ? accepted : crd.spec.names);
  const storage = versions.find(version => version.storage)?.name ?? versions[0]?.name ?? '';
  return versions
    .filter(version => version.served)
    .map(version =>
      servedResource({
        resource: {
          group,
          version: version.name,
          kind: names.kind,
          plural: names.plural,
          namespaced: scope === 'Namespaced',
        },
        storageApiVersion: `${group}/${storage}`,
        singular: names.singular,
        listKind: names.listKind,
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        custom: true,
        hasStatus: version.subresources?.status !== undefined,
        ...(version.subresources?.scale && { scale: scalePathsOf(version.subresources.scale) }),
        schema: version.schema?.openAPIV3Schema ?? ANYTHING,
        columns: printerColumns(version.additionalPrinterColumns),
        fieldLabels: fieldLabelsOf(version),
        strategy: version.subresources?.scale
          ? { ...strategy, validate: scaleCauses(version.subresources.scale) }
          : strategy,
        terminating: crd.metadata.deletionTimestamp !== undefined,
        ...(version.deprecated && {
          deprecation: version.deprecationWarning ?? deprecationOf(crd, version.name),
        }),
      }),
    );
}

function scalePathsOf(scale: NonNullable<NonNullable<CrdVersion['subresources']>['scale']>): ScalePaths {
  const keys = (path: string) => path.replace(/^\./, '').split('.');
  return {
    spec: keys(scale.specReplicasPath),
    status: keys(scale.statusReplicasPath),
    ...(scale.labelSelectorPath && { selector: keys(scale.labelSelectorPath) }),
  };
}

const MAX_INT32 = 2 ** 31 - 1;

/** What `/scale` shows must be countable. */
function scaleCauses({
  specReplicasPath,
  statusReplicasPath,
}: NonNullable<NonNullable<CrdVersion['subresources']>['scale']>): (object: KubeObject) => Cause[] {
  const readers = [specReplicasPath, statusReplicasPath].map(path => [path, compileJsonPath(path)] as const);
  return object =>
    readers.flatMap(([path, read]) => {
      const value = read(object)[0];
      if (typeof value !== 'number' || (value >= 0 && value <= MAX_INT32)) return [];
      const fault =
        value < 0 ? 'should be a non-negative integer' : `should be less than or equal to ${MAX_INT32}`;
      return [invalid(path, value, fault)];
    });
}

/** Names the newest version that is served and not deprecated, if there is one that is better. */
function deprecationOf(
  { spec: { group, names, versions } }: CustomResourceDefinition,
  version: string,
): string {
  const better = versions
    .filter(({ served, deprecated }) => served && !deprecated)
    .map(({ name }) => name)
    .sort(compareVersions)
    .find(name => compareVersions(name, version) < 0);
  const instead = better === undefined ? '' : `; use ${group}/${better} ${names.kind}`;
  return `${group}/${version} ${names.kind} is deprecated${instead}`;
}

const ANYTHING: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function fieldLabelsOf(version: CrdVersion): FieldLabels {
  const labels = new Map(METADATA_FIELDS);
  for (const { jsonPath } of version.selectableFields ?? []) {
    const path = compileJsonPath(jsonPath);
    labels.set(jsonPath.replace(/^\./, ''), (object: KubeObject) => {
      const value = path(object)[0];
      return value === undefined || value === null ? '' : String(value);
    });
  }
  return labels;
}

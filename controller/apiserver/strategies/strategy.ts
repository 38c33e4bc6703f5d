import type { KubeObject } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import type { Identity } from '../auth/identity.ts';

/** What is known of a write beside its object. */
export interface WriteContext {
  readonly user: Identity;
  /** RFC 3339, to the second. */
  readonly time: string;
  /** Empty for the object itself. */
  readonly subresource: string;
}

/** What one kind does beyond its schema. Every method is pure; `prepare…` change `object` in place. */
export interface Strategy {
  /** Brings what its checks need and a start of the server should not wait for; before everything else. */
  load?(): Promise<unknown>;
  /** Folds what users may write in a second form into the first, in whatever they send: whole objects and applied ones. */
  normalize?(object: KubeObject): void;
  /** Fills in what users leave out. Before defaults and validation. */
  prepareForCreate?(object: KubeObject, write: WriteContext): void;
  prepareForUpdate?(object: KubeObject, old: KubeObject): void;
  /** Of a write by a path of the status. */
  prepareStatus?(object: KubeObject, old: KubeObject, write: WriteContext): void;
  /** After the schema was found to hold. */
  validate?(object: KubeObject, old?: KubeObject, subresource?: string): Cause[];
  /** Fields that no write but a create sets, or the server alone: nobody owns them. */
  readonly resetFields?: readonly string[];
  /** Whether there is a path `approval`, which writes a part of the status. */
  readonly hasApproval?: boolean;
  /** Whether a write without a resourceVersion may replace whatever there is. */
  readonly allowsUnconditionalUpdate: boolean;
  /** Kinds whose generation moves with their spec. */
  readonly hasGeneration: boolean;
  /** The names of objects: a DNS subdomain, a single label, or whatever can be a part of a path. */
  readonly names: 'subdomain' | 'label' | 'path-segment' | 'any';
  /** Finalizers beside metadata.finalizers that hold back a deletion, as a namespace's. */
  holdsDeletion?(object: KubeObject): boolean;
  /** What marks an object that is being deleted, beside its deletionTimestamp. */
  markDeleted?(object: KubeObject): void;
}

/** Whether a subresource writes the status and nothing else. */
export function isStatusPath(subresource: string): boolean {
  return subresource === 'status' || subresource === 'approval';
}

/** Why `name` cannot be a part of a path, in Kubernetes' words. */
export function pathSegmentFault(name: string): string | undefined {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  for (const bad of ['/', '%']) if (name.includes(bad)) return `may not contain '${bad}'`;
  if (!name.isWellFormed() || name.includes('\0')) return 'must be plain Unicode text';
  return undefined;
}

export const CUSTOM_STRATEGY: Strategy = {
  allowsUnconditionalUpdate: false,
  hasGeneration: true,
  names: 'subdomain',
};

export const PLAIN_STRATEGY: Strategy = {
  allowsUnconditionalUpdate: true,
  hasGeneration: false,
  names: 'subdomain',
};

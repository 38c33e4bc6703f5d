import type { PolicyRule } from '../../../crds/object.ts';
import type { Identity } from './identity.ts';

/** One thing somebody wants to do. For resources `resource` is set, for everything else `path`. */
export interface Attributes {
  readonly user: Identity;
  readonly verb: string;
  /** Empty for the core group. */
  readonly group?: string;
  /** Lower-case plural. */
  readonly resource?: string;
  readonly subresource?: string;
  /** Empty: cluster scope, or all namespaces. */
  readonly namespace?: string;
  /** Empty: the collection. For a list or watch that selects on metadata.name, that name. */
  readonly name?: string;
  readonly path?: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** Why, for people. Empty where there is nothing to say. */
  readonly reason: string;
}

/** What somebody may do, as far as it could be found out. */
export interface Rights {
  readonly rules: readonly PolicyRule[];
  /** Roles that are bound and not there, in a sentence each. */
  readonly errors: readonly string[];
}

/** Decides who may do what. Called for every request: answers from memory. */
export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** What `user` may do in `namespace` and on the cluster; an empty namespace: on the cluster alone. */
  rightsOf(user: Identity, namespace: string): Rights;
}

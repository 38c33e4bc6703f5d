import type { KubeObject } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import type { Identity } from '../auth/identity.ts';
import { invalid } from '../refusals.ts';
import type { ServedResource } from '../registry/served-resource.ts';

/** A write that is about to happen, after defaults and validation. Nothing in it may be changed. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly served: ServedResource;
  /** Empty for the object itself. */
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Absent for DELETE. */
  readonly object?: KubeObject;
  /** Absent for CREATE. */
  readonly old?: KubeObject;
  readonly user: Identity;
}

/**
 * A rule that a schema cannot state. Throws ApiError to refuse outright, or returns causes, which are answered together
 * as one 422. Must be quick: it runs inside every write.
 */
export interface AdmissionPlugin {
  readonly name: string;
  /** Asked before a new object is looked into: what its content is does not matter then. */
  readonly isEarly?: boolean;
  admit(request: AdmissionRequest): Cause[] | undefined;
}

/** Asks every plugin, in order. Throws ApiError when one refuses. */
export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #early: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
    this.#early = plugins.filter(({ isEarly }) => isEarly);
  }

  /** Of a CREATE: asks those that need not know whether the object is valid. `admit` leaves them out then. */
  admitEarly(request: AdmissionRequest): void {
    for (const plugin of this.#early) plugin.admit(request);
  }

  admit(request: AdmissionRequest): void {
    let causes: Cause[] | undefined;
    const isNew = request.operation === 'CREATE';
    for (const plugin of this.#plugins) {
      if (isNew && plugin.isEarly) continue;
      const found = plugin.admit(request);
      if (found?.length) causes = causes ? [...causes, ...found] : found;
    }
    if (causes) throw invalid(request.served.resource, request.name, causes);
  }
}

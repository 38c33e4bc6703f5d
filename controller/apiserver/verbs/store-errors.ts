import type { Resource } from '../../../crds/kinds.ts';
import { ApiError } from '../../kit/errors.ts';
import { StoreError } from '../../store/store.ts';
import { alreadyExists, conflict, expired, notFound } from '../refusals.ts';

/** A failed write or read of the store, as the API answers it. Anything else is returned as it is. */
export function fromStoreError(error: unknown, resource: Resource, name: string): unknown {
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case 'Exists':
      return alreadyExists(resource, name);
    case 'Conflict':
      return conflict(resource, name);
    case 'NotFound':
      return notFound(resource, name);
    case 'Compacted':
      return expired('The resourceVersion for the provided list is too old.');
    case 'Unavailable':
    case 'Closed':
      return new ApiError(
        'ServiceUnavailable',
        `the store cannot be written: ${error.message}`,
        { retryAfterSeconds: 1 },
        { cause: error },
      );
    default:
      return new ApiError('InternalError', `the store failed: ${error.message}`, undefined, { cause: error });
  }
}

/** Runs `work`, with the store's errors as the API answers them. */
export async function storing<T>(work: Promise<T>, resource: Resource, name: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw fromStoreError(error, resource, name);
  }
}

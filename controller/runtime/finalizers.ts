import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Client, WriteOptions } from '../client/client.ts';
import { isApiError } from '../kit/errors.ts';
import { keyOf } from '../kit/paths.ts';

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** Whether somebody asked for the object's deletion. */
export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/**
 * The object with the finalizer. Writes only when it is not there; an object that is being deleted is left as it is:
 * the API takes no new finalizers then. Throws Conflict when the object has changed since it was read.
 */
export async function addFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: WriteOptions = {},
): Promise<T> {
  if (hasFinalizer(object, finalizer) || isDeleting(object)) return object;
  return write(client, resource, object, [...(object.metadata.finalizers ?? []), finalizer], options);
}

/**
 * The object without the finalizer, undefined when it is gone. Writes only when it is there. Throws Conflict when the
 * object has changed since it was read.
 */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: WriteOptions = {},
): Promise<T | undefined> {
  if (!hasFinalizer(object, finalizer)) return object;
  const left = object.metadata.finalizers?.filter(f => f !== finalizer) ?? [];
  try {
    return await write(client, resource, object, left, options);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** The version makes the list safe to replace, and keeps a namesake that was made since out of it. */
function write<T extends KubeObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
  finalizers: string[],
  options: WriteOptions,
): Promise<T> {
  const { resourceVersion } = object.metadata;
  const metadata = { ...(resourceVersion && { resourceVersion }), finalizers };
  return client.patch(resource, keyOf(object), 'merge', { metadata }, options);
}

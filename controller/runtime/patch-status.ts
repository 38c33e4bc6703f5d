import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Client, WriteOptions } from '../client/client.ts';
import { mergePatch } from '../kit/json.ts';
import { keyOf } from '../kit/paths.ts';

/**
 * Makes the object's status `status`, in one patch of what differs; no write when nothing does. Returns the object as
 * it is now (the very same when nothing was written). Throws Conflict when it has changed since it was read.
 */
export async function patchStatusIfChanged<T extends KubeObject & { status?: object }>(
  client: Client,
  resource: Resource<T>,
  object: T,
  status: NonNullable<T['status']>,
  options: Omit<WriteOptions, 'subresource'> = {},
): Promise<T> {
  const patch = mergePatch({ status: object.status }, { status });
  if (!patch) return object;
  const { resourceVersion } = object.metadata;
  const metadata = { ...(resourceVersion && { resourceVersion }) };
  return client.patch(
    resource,
    keyOf(object),
    'merge',
    { metadata, ...patch },
    { ...options, subresource: 'status' },
  );
}

import type { Workspace } from '../../../crds/types.generated.ts';

export interface WorkspaceKey {
  name: string;
  namespace: string;
  /** The first eight digits of the object's uid, so that one made anew under the same name is another. */
  uid: string;
}

const ID = /^ws-([a-z0-9][-a-z0-9]{0,62})\.([a-z0-9][-a-z0-9]{0,62})\.([0-9a-f]{8})$/;

/** `ws-<name>.<namespace>.<uid>`: it says where the object is, so that nothing need be looked up. */
export function workspaceId({ metadata }: Workspace): string {
  return `ws-${metadata.name}.${metadata.namespace ?? ''}.${(metadata.uid ?? '').slice(0, 8)}`;
}

export function parseWorkspaceId(id: string): WorkspaceKey | undefined {
  const [, name, namespace, uid] = ID.exec(id) ?? [];
  return name && namespace && uid ? { name, namespace, uid } : undefined;
}

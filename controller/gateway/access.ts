import { SUBJECT_ACCESS_REVIEW, WORKSPACE } from '../../crds/kinds.ts';
import { GROUP_USERS } from '../../crds/names.ts';
import type { SubjectAccessReview } from '../../crds/object.ts';
import type { Client } from '../client/client.ts';

const GROUPS = [GROUP_USERS, 'system:authenticated'];

export interface AccessRequest {
  user: string;
  namespace: string;
  workspace: string;
}

/** Asks the API, as `kubectl auth can-i create workspaces/ssh` does. Throws ApiError when it does not answer. */
export async function mayConnect(
  client: Client,
  { user, namespace, workspace }: AccessRequest,
  signal?: AbortSignal,
): Promise<boolean> {
  const review: SubjectAccessReview = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: {
      user,
      groups: GROUPS,
      resourceAttributes: {
        group: WORKSPACE.group,
        resource: WORKSPACE.plural,
        subresource: 'ssh',
        verb: 'create',
        namespace,
        name: workspace,
      },
    },
  };
  const { status } = await client.create(SUBJECT_ACCESS_REVIEW, review, { signal });
  return status?.allowed === true;
}

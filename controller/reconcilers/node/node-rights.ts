import { apiVersionOf, CLUSTER_ROLE, NODE } from '../../../crds/kinds.ts';
import { LABEL_NODE, nodeNamespace, nodeUser, ROLE_NODE } from '../../../crds/names.ts';
import type { ClusterRole, RoleRef, Subject } from '../../../crds/object.ts';
import type { Node } from '../../../crds/types.generated.ts';
import { ownedBy, type PolicyObject } from '../keep-policy.ts';

const READ = ['get', 'list', 'watch'];

/**
 * What the agent of a node may do: its work in the node's namespace, and its own Node. The Node owns all of it: with
 * the Node go the rights.
 */
export function nodeRights(node: Node): PolicyObject[] {
  const { name } = node.metadata;
  const apiVersion = apiVersionOf(CLUSTER_ROLE);
  const own = nodeUser(name);
  const metadata = (of: string) => ({
    name: of,
    labels: { [LABEL_NODE]: name },
    ownerReferences: [ownedBy(node)],
  });
  const subjects: Subject[] = [{ kind: 'User', apiGroup: CLUSTER_ROLE.group, name: own }];
  const roleRef = (of: string): RoleRef => ({ apiGroup: CLUSTER_ROLE.group, kind: 'ClusterRole', name: of });
  const role: ClusterRole = {
    apiVersion,
    kind: 'ClusterRole',
    metadata: metadata(own),
    rules: [
      { verbs: READ, apiGroups: [NODE.group], resources: [NODE.plural], resourceNames: [name] },
      {
        verbs: ['get', 'update', 'patch'],
        apiGroups: [NODE.group],
        resources: [`${NODE.plural}/status`],
        resourceNames: [name],
      },
    ],
  };
  return [
    role,
    { apiVersion, kind: 'ClusterRoleBinding', metadata: metadata(own), subjects, roleRef: roleRef(own) },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { ...metadata(ROLE_NODE), namespace: nodeNamespace(name) },
      subjects,
      roleRef: roleRef(ROLE_NODE),
    },
  ];
}

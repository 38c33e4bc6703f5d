/** A User with a key, and the binding that makes them a member of the namespace `default`: whom the gateway lets to its workspaces. */
export const memberManifest = (name: string, publicKey: string): string => `
apiVersion: nexus.dev/v1alpha1
kind: User
metadata: {name: ${name}}
spec: {sshKeys: [{name: laptop, key: '${publicKey}'}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ${name}, namespace: default}
subjects: [{kind: User, name: ${name}, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: 'nexus:member', apiGroup: rbac.authorization.k8s.io}
`;

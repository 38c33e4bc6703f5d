import { apiVersionOf, CLUSTER_ROLE, CLUSTER_ROLE_BINDING } from '../../../../crds/kinds.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../../crds/object.ts';
import { GROUP_AUTHENTICATED, GROUP_MASTERS, GROUP_UNAUTHENTICATED } from '../identity.ts';

/** Set to `false` on a default role or binding, it is left as it is when the server starts. */
export const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const READ_WRITE = [...READ, ...WRITE];

/** Lists are in order, as Kubernetes has them. */
function rule(verbs: string[], group: string, resources: string): PolicyRule {
  return { verbs: verbs.toSorted(), apiGroups: [group], resources: resources.split(' ').sort() };
}
const paths = (urls: string): PolicyRule => ({ verbs: ['get'], nonResourceURLs: urls.split(' ').sort() });
const aggregateTo = (name: string) => ({ [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true' });

function role(name: string, rules: PolicyRule[], labels: Record<string, string> = {}): ClusterRole {
  return {
    apiVersion: apiVersionOf(CLUSTER_ROLE),
    kind: 'ClusterRole',
    metadata: { name, labels: { ...LABELS, ...labels }, annotations: { [AUTO_UPDATE]: 'true' } },
    rules,
  };
}

function aggregated(name: string, into?: string): ClusterRole {
  return {
    ...role(name, [], into === undefined ? {} : aggregateTo(into)),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateTo(name) }] },
  };
}

function binding(name: string, ...groups: string[]): ClusterRoleBinding {
  return {
    apiVersion: apiVersionOf(CLUSTER_ROLE_BINDING),
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: { ...LABELS }, annotations: { [AUTO_UPDATE]: 'true' } },
    subjects: groups.map(group => ({ kind: 'Group', apiGroup: CLUSTER_ROLE.group, name: group })),
    roleRef: { apiGroup: CLUSTER_ROLE.group, kind: 'ClusterRole', name },
  };
}

const VIEW: PolicyRule[] = [
  rule(
    READ,
    '',
    'pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status endpoints persistentvolumeclaims persistentvolumeclaims/status configmaps',
  ),
  rule(
    READ,
    '',
    'limitranges resourcequotas bindings events pods/status resourcequotas/status namespaces/status replicationcontrollers/status pods/log',
  ),
  rule(READ, '', 'namespaces'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(
    READ,
    'apps',
    'controllerrevisions statefulsets statefulsets/status statefulsets/scale daemonsets daemonsets/status deployments deployments/status deployments/scale replicasets replicasets/status replicasets/scale',
  ),
  rule(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(READ, 'batch', 'jobs cronjobs cronjobs/status jobs/status'),
  rule(
    READ,
    'extensions',
    'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status replicasets replicasets/scale replicasets/status replicationcontrollers/scale networkpolicies',
  ),
  rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(READ, 'networking.k8s.io', 'networkpolicies ingresses ingresses/status'),
];

const EDIT: PolicyRule[] = [
  rule(READ, '', 'pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(WRITE, '', 'pods pods/attach pods/proxy pods/exec pods/portforward'),
  rule(['create'], '', 'pods/eviction'),
  rule(
    WRITE,
    '',
    'replicationcontrollers replicationcontrollers/scale serviceaccounts services services/proxy persistentvolumeclaims configmaps secrets events',
  ),
  rule(['create'], '', 'serviceaccounts/token'),
  rule(
    WRITE,
    'apps',
    'statefulsets statefulsets/scale daemonsets deployments deployments/scale deployments/rollback replicasets replicasets/scale',
  ),
  rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  rule(WRITE, 'batch', 'jobs cronjobs'),
  rule(
    WRITE,
    'extensions',
    'daemonsets deployments deployments/scale deployments/rollback ingresses replicasets replicasets/scale replicationcontrollers/scale networkpolicies',
  ),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'networking.k8s.io', 'networkpolicies ingresses'),
  rule(READ_WRITE, 'coordination.k8s.io', 'leases'),
];

/** The ClusterRoles of Kubernetes that clients and manifests count on, to the letter. */
export const KUBERNETES_ROLES: readonly ClusterRole[] = [
  role('cluster-admin', [rule(['*'], '*', '*'), { verbs: ['*'], nonResourceURLs: ['*'] }]),
  role('system:discovery', [
    paths('/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*'),
  ]),
  role('system:monitoring', [
    paths('/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*'),
    rule(['get'], '', 'nodes/metrics'),
  ]),
  role('system:basic-user', [
    rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
    rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
  ]),
  role('system:public-info-viewer', [paths('/livez /readyz /healthz /version /version/')]),
  aggregated('admin'),
  aggregated('edit', 'admin'),
  aggregated('view', 'edit'),
  role(
    'system:aggregate-to-admin',
    [
      rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule(READ_WRITE, 'rbac.authorization.k8s.io', 'roles rolebindings'),
    ],
    aggregateTo('admin'),
  ),
  role('system:aggregate-to-edit', EDIT, aggregateTo('edit')),
  role('system:aggregate-to-view', VIEW, aggregateTo('view')),
  role('system:auth-delegator', [
    rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
    rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
  ]),
  role('system:certificates.k8s.io:kube-apiserver-client-approver', [
    {
      ...rule(['approve'], 'certificates.k8s.io', 'signers'),
      resourceNames: ['kubernetes.io/kube-apiserver-client'],
    },
  ]),
];

/** Who has them from the start. */
export const KUBERNETES_BINDINGS: readonly ClusterRoleBinding[] = [
  binding('cluster-admin', GROUP_MASTERS),
  binding('system:monitoring', 'system:monitoring'),
  binding('system:discovery', GROUP_AUTHENTICATED),
  binding('system:basic-user', GROUP_AUTHENTICATED),
  binding('system:public-info-viewer', GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED),
];

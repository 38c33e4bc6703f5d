import type { Test } from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { injectTransport } from '../../../controller/client/inject-transport.ts';
import { ensureNode } from '../../../controller/reconcilers/node/ensure-node.ts';
import type { PolicyRule, Status, Subject } from '../../../crds/object.ts';
import { type Answer, type CallOptions, refused as isRefused, type Lab, startLab } from './lab.ts';

export const RBAC = '/apis/rbac.authorization.k8s.io/v1';
export const MERGE = { type: 'application/merge-patch+json' };
const apiVersion = 'rbac.authorization.k8s.io/v1';

export interface RbacLab extends Lab {
  /** Calls as a user, in system:authenticated and `groups`. */
  as(user: string, ...groups: string[]): Promise<Lab['call']>;
  /** Calls as the agent of a node, with the rights that the controller gives it. */
  agent(node: string): Promise<Lab['call']>;
}

export async function startRbacLab(t: Test): Promise<RbacLab> {
  const lab = await startLab(t);
  const transport = injectTransport(lab.server.app, { authorization: `Bearer ${lab.token}` });
  const admin = createClient({ transport });
  t.teardown(() => admin.close());
  const as: RbacLab['as'] = async (user, ...groups) => {
    const { token } = await lab.server.tokens.create({ user, groups });
    return (method: string, path: string, body?: unknown, of: CallOptions = {}): Promise<Answer> =>
      lab.call(method, path, body, { ...of, token });
  };
  return {
    ...lab,
    as,
    async agent(node) {
      await ensureNode(admin, { name: node });
      return as(`nexus:node:${node}`, 'nexus:nodes');
    },
  };
}

export const rule = (verbs: string, apiGroups: string, resources: string, names?: string): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: [apiGroups],
  resources: resources.split(' '),
  ...(names && { resourceNames: names.split(' ') }),
});

export const role = (name: string, rules: PolicyRule[], more: object = {}) => ({
  apiVersion,
  kind: 'Role',
  metadata: { name, ...more },
  rules,
});

export const clusterRole = (name: string, rules: PolicyRule[], more: object = {}) => ({
  ...role(name, rules),
  kind: 'ClusterRole',
  ...more,
});

export const user = (name: string): Subject => ({ kind: 'User', name });

/** To a ClusterRole, unless `role` begins with `Role/`. */
export function binding(name: string, ref: string, ...subjects: Subject[]) {
  const [kind, of] = ref.startsWith('Role/') ? ['Role', ref.slice(5)] : ['ClusterRole', ref];
  return { apiVersion, kind: 'RoleBinding', metadata: { name }, subjects, roleRef: { kind, name: of } };
}

export const clusterBinding = (name: string, ref: string, ...subjects: Subject[]) => ({
  ...binding(name, ref, ...subjects),
  kind: 'ClusterRoleBinding',
});

/** That an answer is a refusal, with exactly this message where one is given. */
export function refused(t: Test, answer: Answer, code: number, reason: string, message?: string): Status {
  const status = isRefused(t, answer, code, reason);
  if (message !== undefined) t.equal(status.message, message);
  return status;
}

/** Names that other people's programs rely on. */

export const LABEL_WORKSPACE_UID = 'nexus.dev/workspace-uid';
export const LABEL_PLACEMENT = 'nexus.dev/placement';
export const LABEL_NODE = 'nexus.dev/node';
/** On a Node, of its machine. */
export const LABEL_HOSTNAME = 'nexus.dev/hostname';
export const LABEL_ARCH = 'nexus.dev/arch';
export const LABEL_OS = 'nexus.dev/os';
/** Digest of what cannot change in place, on everything an agent makes. */
export const LABEL_SPEC_HASH = 'nexus.dev/spec-hash';

/** On a Namespace: the User whose workspaces are there. Rights are given in no other. */
export const LABEL_USER = 'nexus.dev/user';

/** On a Role and its binding: the Workspace, in the same namespace, that they share with others. */
export const LABEL_SHARES = 'nexus.dev/shares';

/** On a Workspace: held until its placement is gone. */
export const FINALIZER_WORKSPACE = 'nexus.dev/workspace';
/** On a Placement: held until the node's agent has removed what it made. */
export const FINALIZER_PLACEMENT = 'nexus.dev/agent';

/** On a User: held until no workspace is left in the user's namespace. */
export const FINALIZER_USER = 'nexus.dev/user';

/** On a Workspace: a changed value restarts its container once. */
export const ANNOTATION_RESTARTED_AT = 'nexus.dev/restarted-at';
/** On a Workspace that is being deleted: `true` forgets what its node does not answer for. On a User: what is in the namespace goes too. */
export const ANNOTATION_FORCE_DELETE = 'nexus.dev/force-delete';

/** On a Secret that `nexus workspace create` made: the server that its user name and password are for, `https://github.com`. */
export const ANNOTATION_GIT_ORIGIN = 'nexus.dev/git-origin';

/** On a Workspace: the digest of the `.nexus/config.yaml` that its user wants carried out, once; taken away when it was. */
export const ANNOTATION_SYNC_CONFIG = 'nexus.dev/sync-config';

/** On a Node: `true` where the controller makes it, of the machine that it runs on itself, and makes it again. */
export const ANNOTATION_LOCAL_NODE = 'nexus.dev/local-node';
/** On a Node: the ssh destination, and port, by which `nexus node add` reached its machine. */
export const ANNOTATION_SSH_DESTINATION = 'nexus.dev/ssh-destination';

export const NODE_NAMESPACE_PREFIX = 'nexus-node-';

/** The namespace in which a node's placements, their secrets and its Lease live. */
export function nodeNamespace(node: string): string {
  return `${NODE_NAMESPACE_PREFIX}${node}`;
}

/** Where the installation's own objects are; the gateway publishes its address and host keys in the ConfigMap. */
export const SYSTEM_NAMESPACE = 'nexus-system';
export const GATEWAY_CONFIG_MAP = 'nexus-gateway';
/** On it: from when, RFC 3339, the gateway is to answer with another host key, which it publishes before. */
export const ANNOTATION_ROTATE_HOST_KEY = 'nexus.dev/rotate-host-key';

/** The user, towards the API, that the agent of a node is. */
export function nodeUser(node: string): string {
  return `nexus:node:${node}`;
}

/** Roles of manifests/rbac/roles.yaml that the controller gives. */
export const ROLE_ADMIN = 'nexus:admin';
export const ROLE_MEMBER = 'nexus:member';
export const ROLE_VIEWER = 'nexus:viewer';
export const ROLE_NODE = 'nexus:node';

/** The group of every agent towards the API. */
export const GROUP_NODES = 'nexus:nodes';
/** The group of every User towards the API. */
export const GROUP_USERS = 'nexus:users';

/** Unique on a node, and a host name: neither part may hold a dot. */
export function placementName(workspace: string, namespace: string): string {
  return `${workspace}.${namespace}`;
}

/** Keys of a placement's Secret. */
export const SECRET_HOST_KEY = 'ssh_host_ed25519_key';
export const SECRET_GIT_USERNAME = 'git-username';
export const SECRET_GIT_PASSWORD = 'git-password';
export const SECRET_GIT_SSH_KEY = 'git-ssh-privatekey';
/** JSON: username and password, or identityToken. */
export const SECRET_IMAGE_LOGIN = 'image-login';

export const DEFAULT_SSH_PORTS = { from: 2222, to: 2299 } as const;
export const DEFAULT_SERVICE_PORTS = { from: 23000, to: 30000 } as const;
export const DEFAULT_USER = 'dev';
export const DEFAULT_PIDS = 4096;

import ssh2 from 'ssh2';
import { apiVersionOf, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_WORKSPACE_UID, SECRET_HOST_KEY } from '../../../crds/names.ts';
import type { Secret } from '../../../crds/object.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { generateSshKey } from '../../kit/ssh-key.ts';

const PUBLIC_KEY = `${SECRET_HOST_KEY}.pub`;

/** Where a workspace's SSH host key is, in the workspace's namespace. */
export function hostKeySecretName(workspace: string): string {
  return `${workspace}-ssh-host-key`;
}

/**
 * The host key's Secret, with a new ed25519 key: OpenSSH private key under `ssh_host_ed25519_key`, public one under
 * `….pub`. It goes with its workspace, and outlives every container of it. `copy`, a private key in base64, is taken
 * instead of a new one where it can be read.
 */
export function newHostKeySecret(workspace: Workspace, copy?: string): Secret {
  const { name, namespace, uid } = workspace.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: hostKeySecretName(name),
      namespace,
      labels: { [LABEL_WORKSPACE_UID]: uid ?? '' },
      ownerReferences: [
        { apiVersion: apiVersionOf(WORKSPACE), kind: WORKSPACE.kind, name, uid: uid ?? '', controller: true },
      ],
    },
    type: 'Opaque',
    data: copyData(copy) ?? newData(),
  };
}

const encode = (text: string) => Buffer.from(`${text.trim()}\n`, 'utf8').toString('base64');

function newData(): Record<string, string> {
  const { privateKey, publicKey } = generateSshKey();
  return { [SECRET_HOST_KEY]: encode(privateKey), [PUBLIC_KEY]: encode(publicKey) };
}

function copyData(privateData: string | undefined): Record<string, string> | undefined {
  const publicKey = privateData === undefined ? undefined : publicKeyOf(privateData);
  return publicKey && privateData
    ? { [SECRET_HOST_KEY]: privateData, [PUBLIC_KEY]: encode(publicKey) }
    : undefined;
}

export interface HostKey {
  /** OpenSSH private key in base64, as in the Secret. */
  privateData: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  publicKey: string;
}

const parsed = new WeakMap<Secret, HostKey>();

/** The key in a Secret, also one that a user put there; undefined when it holds none that can be read. */
export function readHostKey(secret: Secret): HostKey | undefined {
  const known = parsed.get(secret);
  if (known) return known;
  const privateData = secret.data?.[SECRET_HOST_KEY];
  if (privateData === undefined) return undefined;
  const publicKey = publicKeyOf(privateData);
  if (publicKey === undefined) return undefined;
  const hostKey = { privateData, publicKey };
  parsed.set(secret, hostKey);
  return hostKey;
}

function publicKeyOf(privateData: string): string | undefined {
  const key = ssh2.utils.parseKey(Buffer.from(privateData, 'base64'));
  if (key instanceof Error || !key.isPrivateKey()) return undefined;
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

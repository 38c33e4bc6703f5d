import { GROUP_NODES } from '../crds/names.ts';
import { GROUP_MASTERS, NODE_USER_PREFIX } from './apiserver/auth/identity.ts';
import type { Tokens } from './apiserver/auth/tokens.ts';
import {
  type Kubeconfig,
  type KubeconfigCluster,
  KubeconfigError,
  readKubeconfig,
  SOCKET_EXTENSION,
} from './client/kubeconfig.ts';
import { writeKubeconfig } from './client/write-kubeconfig.ts';
import { jsonEqual } from './kit/json.ts';
import type { Logger } from './kit/log.ts';

/** Name of cluster, user and context in the kubeconfigs that the server writes. */
const CONTEXT = 'nexus';

export interface CredentialOptions {
  /** The kubeconfig. */
  file: string;
  url: string;
  /** PEM. */
  ca: string;
  /** Of the same server, for programs of the same user. */
  socket?: string;
  tokens: Tokens;
  log: Logger;
}

/** The admin's entry in a kubeconfig; a token in it that still works is kept. */
export async function ensureAdminCredential(options: CredentialOptions): Promise<void> {
  await ensure(options, {
    user: 'admin',
    groups: [GROUP_MASTERS],
    description: 'admin of this installation',
  });
}

/** The same for the agent of a node. */
export async function ensureNodeCredential(options: CredentialOptions & { node: string }): Promise<void> {
  const { node } = options;
  await ensure(options, {
    user: `${NODE_USER_PREFIX}${node}`,
    groups: [GROUP_NODES],
    description: `agent of node ${node}`,
  });
}

async function ensure(
  { file, url, ca, socket, tokens, log }: CredentialOptions,
  who: { user: string; groups: string[]; description: string },
): Promise<void> {
  const config: Kubeconfig = await readKubeconfig(file).catch(error => {
    if (error instanceof KubeconfigError && error.code === 'NoFile') return {};
    throw error;
  });
  const known = config.users?.find(({ name }) => name === CONTEXT)?.user.token;
  const still = known !== undefined && tokens.verify(known)?.name === who.user;
  const token = still ? known : (await tokens.create(who)).token;
  const data = Buffer.from(ca).toString('base64');
  const cluster: KubeconfigCluster = {
    server: url,
    'certificate-authority-data': data,
    ...(socket && { extensions: [{ extension: { of: url, path: socket }, name: SOCKET_EXTENSION }] }),
  };
  const there = config.clusters?.find(({ name }) => name === CONTEXT)?.cluster;
  if (still && jsonEqual(there, cluster)) return;
  await writeKubeconfig(file, { name: CONTEXT, cluster, user: { token }, current: true });
  log.info({ file, user: who.user }, still ? 'credential written' : 'credential made');
}

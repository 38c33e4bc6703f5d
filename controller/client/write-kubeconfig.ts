import { mkdir, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { writeFileWhole } from '../kit/write-file.ts';
import {
  type Kubeconfig,
  type KubeconfigCluster,
  type KubeconfigContext,
  KubeconfigError,
  type KubeconfigUser,
  readKubeconfig,
} from './kubeconfig.ts';

/** One server, one user and the context of both, under one name. */
export interface KubeconfigEntry {
  name: string;
  cluster: KubeconfigCluster;
  user: KubeconfigUser;
  namespace?: string;
  /** Makes it the current context. Without it, only where there is none yet. */
  current?: boolean;
}

/** Puts a server's entry in, in place of one of its name; everything else in the file stays. Makes the file. */
export async function writeKubeconfig(file: string, entry: KubeconfigEntry): Promise<void> {
  const { name, cluster, user, namespace } = entry;
  const context: KubeconfigContext = { cluster: name, user: name, ...(namespace && { namespace }) };
  await updateKubeconfig(file, config => {
    const keepsCurrent = !entry.current && config['current-context'];
    return {
      ...config,
      clusters: put(config.clusters, { name, cluster }),
      users: put(config.users, { name, user }),
      contexts: put(config.contexts, { name, context }),
      'current-context': keepsCurrent || name,
    };
  });
}

function put<E extends { name: string }>(list: E[] | undefined, entry: E): E[] {
  const present = list ?? [];
  const index = present.findIndex(e => e.name === entry.name);
  return index < 0 ? [...present, entry] : present.with(index, entry);
}

/**
 * Rewrites the file, readable for its owner alone, whole or not at all: a reader sees the old or the new one. Makes it
 * (and its folder, 0700) when it is not there. Throws KubeconfigError Invalid for a file that cannot be read: it is
 * never replaced by a fresh one.
 */
export async function updateKubeconfig(
  file: string,
  edit: (config: Kubeconfig) => Kubeconfig,
): Promise<void> {
  const config = await readKubeconfig(file).catch((error: unknown) => {
    if (error instanceof KubeconfigError && error.code === 'NoFile') return {};
    throw error;
  });
  const { apiVersion = 'v1', kind = 'Config', ...rest } = edit(config);
  const text = stringify({ apiVersion, kind, ...rest }, { lineWidth: 0 });
  // Behind a symbolic link it is the target that is replaced.
  const target = await realpath(file).catch(() => file);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await writeFileWhole(target, text);
}

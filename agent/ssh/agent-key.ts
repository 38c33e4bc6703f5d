import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { publicKeyOf } from './host-key.ts';

export interface AgentKey {
  privateKey: string;
  /** `ssh-ed25519 AAAA…` */
  publicKey: string;
}

/** A new one, kept nowhere. */
export function newAgentKey(): AgentKey {
  const { privateKey } = generateSshKey('nexus-agent');
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/**
 * The key of this agent's tunnels into its workspaces, in `<dir>/id_ed25519` (0600), made at the first call. A file
 * that is there but is no key is an error: it is not ours to overwrite.
 */
export async function loadAgentKey(dir: string): Promise<AgentKey> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, 'id_ed25519');
  const there = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there !== undefined) return parse(path, there);
  const key = newAgentKey();
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(key.privateKey);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  return key;
}

function parse(path: string, privateKey: string): AgentKey {
  try {
    return { privateKey, publicKey: publicKeyOf(privateKey) };
  } catch (cause) {
    throw new Error(`${path} is not an OpenSSH private key; move it away and start the agent again`, {
      cause,
    });
  }
}

import { join } from 'node:path';
import { generateSshKey } from '../../controller/kit/ssh-key.ts';
import { loadSshKey, publicKeyOf, type SshKey } from '../../controller/kit/ssh-key-file.ts';

export type AgentKey = SshKey;

/** A new one, kept nowhere. */
export function newAgentKey(): AgentKey {
  const { privateKey } = generateSshKey('nexus-agent');
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** The key with which this agent logs into its workspaces and the gateway, in `<dir>/id_ed25519`, made at the first call. */
export function loadAgentKey(dir: string): Promise<AgentKey> {
  return loadSshKey(join(dir, 'id_ed25519'), 'nexus-agent');
}

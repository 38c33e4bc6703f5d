import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileWhole } from './write-file.ts';

/** Where the gateway is and who it must be: what the join, or a controller on the same machine, left for the agent. */
export interface GatewayFile {
  /** The Node that the agent's key belongs to. */
  nodeName: string;
  /** `host:port`, tried in order. */
  addresses: string[];
  /** Unix socket of a gateway on this machine, tried first. */
  socket?: string;
  /** `ssh-ed25519 AAAA…`: any of them may answer, so that a key can be replaced. */
  hostKeys: string[];
}

export const gatewayFilePath = (folder: string): string => join(folder, 'gateway.json');

/** Undefined when there is none. Throws when there is one that cannot be read. */
export async function readGatewayFile(folder: string): Promise<GatewayFile | undefined> {
  const path = gatewayFilePath(folder);
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as Partial<GatewayFile>;
    const { nodeName, addresses = [], hostKeys = [] } = file;
    if (!nodeName || hostKeys.length === 0 || (addresses.length === 0 && !file.socket))
      throw new Error('nodeName, addresses or hostKeys are missing');
    return { nodeName, addresses, hostKeys, ...(file.socket && { socket: file.socket }) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read: ${(error as Error).message}; join the node again`, {
      cause: error,
    });
  }
}

/** Readable for its owner alone, whole or not at all. */
export async function writeGatewayFile(folder: string, file: GatewayFile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileWhole(gatewayFilePath(folder), `${JSON.stringify(file, null, 2)}\n`);
}

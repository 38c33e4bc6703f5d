import { existsSync } from 'node:fs';
import type { DriverInfo } from './driver.ts';
import { findEngine } from './drivers/docker/find-engine.ts';
import { lxdSocketPath } from './drivers/lxc/find-lxd.ts';
import { createLxcDriver } from './drivers/lxc/lxc-driver.ts';
import type { AgentOptionValues } from './options.ts';

/** What somebody should know of an engine on this machine. */
export interface EngineCheck {
  isWell: boolean;
  text: string;
  /** What to do, unless nothing need be done. */
  next?: string;
}

type Values = Pick<AgentOptionValues, 'dockerSocket' | 'lxdSocket' | 'lxdPool' | 'lxdNetwork'>;

const ONLY_WHERE = 'needed only where workspaces run';

/** Docker or Podman. */
export async function checkDocker({ dockerSocket }: Values): Promise<EngineCheck> {
  const { engine, refused } = await findEngine({ env: {}, candidates: [`unix://${dockerSocket}`] });
  if (engine) return { isWell: true, text: `${engine.facts.version} at ${dockerSocket}` };
  return {
    isWell: false,
    text: `none answers at ${dockerSocket}: ${refused[0]?.problem ?? 'unknown'}`,
    next: ONLY_WHERE,
  };
}

/** LXD or Incus. A machine without either is well. */
export async function checkLxd({ lxdSocket, lxdPool, lxdNetwork }: Values): Promise<EngineCheck> {
  const socketPath = lxdSocketPath(lxdSocket);
  if (lxdSocket === undefined && !existsSync(socketPath))
    return { isWell: true, text: 'none on this machine; needed only for workspaces with driver lxc' };
  const driver = createLxcDriver({
    socketPath,
    node: 'doctor',
    ...(lxdPool !== undefined && { pool: lxdPool }),
    ...(lxdNetwork !== undefined && { network: lxdNetwork }),
  });
  try {
    return judge(await driver.info(), socketPath);
  } catch (error) {
    return { isWell: false, text: `${socketPath}: ${(error as Error).message}`, next: ONLY_WHERE };
  } finally {
    await driver.close();
  }
}

function judge({ version, isolation }: DriverInfo, socketPath: string): EngineCheck {
  const text = `${version} at ${socketPath}`;
  if (!isolation.enforced) return { isWell: false, text: `${text}: ${isolation.message}` };
  return { isWell: true, text };
}

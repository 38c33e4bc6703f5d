import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the kernel gives out by itself (from 32,768), where a port that was free stays free. */
const FIRST = 30_000;
const OF_ONE_JOB = 680;
/** Files that run at the same time have ports of their own; other runs on this machine begin elsewhere, most likely. */
const JOB = Number(process.env.TAP_JOB_ID ?? 0) % 4;
let next = Math.floor(Math.random() * OF_ONE_JOB);

/** Below those: ranges of a hundred, fifty a job. */
const FIRST_RANGE = 10_000;
const RANGES_OF_ONE_JOB = 50;
const RANGE = 100;
let nextRange = Math.floor(Math.random() * RANGES_OF_ONE_JOB);

export type NodePorts = Record<'ssh' | 'services', { from: number; to: number }>;

/** Ranges for `spec.ports` of a Node that no other node of this run has. */
export function nodePorts(): NodePorts {
  const first = FIRST_RANGE + (JOB * RANGES_OF_ONE_JOB + (nextRange++ % RANGES_OF_ONE_JOB)) * RANGE;
  return { ssh: { from: first, to: first + 29 }, services: { from: first + 30, to: first + RANGE - 1 } };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await new Promise(resolve => server.close(resolve));
  return true;
}

/** Ports of loopback that nobody listens on, all different, and none that was given out before in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === OF_ONE_JOB) throw new Error(`no ${count} free ports from ${FIRST + JOB * OF_ONE_JOB}`);
    const port = FIRST + JOB * OF_ONE_JOB + (next++ % OF_ONE_JOB);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

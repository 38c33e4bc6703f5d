import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the kernel gives out by itself (from 32,768), where a port that was free stays free. */
const FIRST = 30_000;
const OF_ONE_JOB = 680;
/** Files that run at the same time have ports of their own; other runs on this machine begin elsewhere, most likely. */
const JOB = Number(process.env.TAP_JOB_ID ?? 0) % 4;
let next = Math.floor(Math.random() * OF_ONE_JOB);

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

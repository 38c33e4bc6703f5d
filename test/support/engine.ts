import { statSync } from 'node:fs';
import Docker from 'dockerode';

/** The engine that tests use: DOCKER_HOST when it is a Unix socket, else Docker's usual one. */
export type TestEngine = { socketPath: string; docker: Docker } | { problem: string };

/** Why tests that need it are skipped; false when it answers. */
export async function noTestEngine(): Promise<string | false> {
  const engine = await findTestEngine();
  return 'problem' in engine ? engine.problem : false;
}

/** Finds it and asks it. `problem` reads as the reason of a skipped test. */
export async function findTestEngine(): Promise<TestEngine> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://')) return { problem: `DOCKER_HOST=${host} is not a Unix socket` };
  const socketPath = host.slice('unix://'.length);
  try {
    if (!statSync(socketPath).isSocket()) return { problem: `${socketPath} is not a socket` };
    const docker = new Docker({ socketPath });
    await docker.ping();
    return { socketPath, docker };
  } catch (error) {
    return { problem: `no Docker engine at ${socketPath}: ${(error as Error).message}` };
  }
}

import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

export interface LoginTarget {
  host: string;
  port: number;
  user: string;
  key: string;
}

const GIVE_UP_MS = 60_000;

/** Logs in with the real ssh again and again until a command has run there. Resolves with the time that was. */
export async function untilLogin(
  target: () => Promise<LoginTarget | undefined> | LoginTarget | undefined,
): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline) {
    const at = await target();
    if (at && (await login(at))) return performance.now();
    await pause(10);
  }
  throw new Error(`no login within ${GIVE_UP_MS / 1000} s`);
}

function login({ host, port, user, key }: LoginTarget): Promise<boolean> {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=QUIET',
    'BatchMode=yes',
    'ConnectTimeout=5',
    'IdentitiesOnly=yes',
  ];
  const args = [
    '-F',
    '/dev/null',
    '-i',
    key,
    '-p',
    String(port),
    ...options.flatMap(option => ['-o', option]),
    `${user}@${host}`,
    'true',
  ];
  return new Promise(resolve => {
    const child = spawn('ssh', args, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', code => resolve(code === 0));
  });
}

import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface LoginTarget {
  host: string;
  port: number;
  user: string;
  key: string;
}

const GIVE_UP_MS = 60_000;

/** A connection made while the port comes up may never be answered; the next one is. */
const BANNER_MS = 200;
/** How long a target is believed. */
const TARGET_MS = 500;

/**
 * Logs in with the real ssh, again and again, until a command has run there. Resolves with the time that was. ssh is
 * started once a server greets at the port, which `onMoment` is told, as well as that it is known where to knock: hundreds
 * of them would take the processor from what is measured.
 */
export async function untilLogin(
  target: () => Promise<LoginTarget | undefined> | LoginTarget | undefined,
  onMoment: (moment: 'told' | 'greeting') => void = () => {},
): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  let at: LoginTarget | undefined;
  let asked = Number.NEGATIVE_INFINITY;
  while (performance.now() < deadline) {
    if (!at || performance.now() - asked > TARGET_MS) {
      at = await target();
      asked = performance.now();
    }
    if (at) onMoment('told');
    if (at && (await greets(at))) {
      onMoment('greeting');
      if (await login(at)) return performance.now();
    }
    await pause(10);
  }
  throw new Error(`no login within ${GIVE_UP_MS / 1000} s`);
}

function greets({ host, port }: LoginTarget): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: BANNER_MS });
    const end = (isServer: boolean) => {
      socket.destroy();
      resolve(isServer);
    };
    socket.once('data', text => end(text.toString().startsWith('SSH-')));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
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

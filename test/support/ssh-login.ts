import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publicKeyOf } from '../../controller/kit/ssh-key-file.ts';
import { patience, until } from './until.ts';

const run = promisify(execFile);

/**
 * For the many logins that are not about how keys are exchanged: what OpenSSH prefers costs its client a tenth of a second of
 * a processor each time. Tests of the ways that people log in leave it out.
 */
export const CHEAP_KEY_EXCHANGE = 'KexAlgorithms=curve25519-sha256';

export interface SshTarget {
  port: number;
  user?: string;
  privateKey: string;
  /** `ssh-ed25519 AAAA…`: checked strictly. */
  hostKey: string;
  /** For the key and the known host. */
  dir: string;
}

/** The real ssh, checking the host key strictly. */
export function sshLogin({ port, user = 'dev', privateKey, hostKey, dir }: SshTarget) {
  const key = join(dir, 'id');
  const known = join(dir, `known-${port}`);
  writeFileSync(key, privateKey, { mode: 0o600 });
  writeFileSync(known, `[127.0.0.1]:${port} ${hostKey}\n`);
  const options = [
    ...['-F', 'none', '-i', key, '-p', String(port), '-o', 'IdentitiesOnly=yes'],
    ...['-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes'],
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', '-o', 'LogLevel=ERROR'],
    ...['-o', CHEAP_KEY_EXCHANGE, `${user}@127.0.0.1`],
  ];
  const exec = async (command: string): Promise<string> => {
    const { stdout } = await run('ssh', [...options, command], { timeout: patience(30_000) });
    return stdout.trim();
  };
  return {
    exec,
    publicKey: publicKeyOf(privateKey),
    /** Tries until a login works. */
    untilLogin: (timeoutMs = 30_000) =>
      until(() => exec('echo here').catch(() => undefined), {
        timeoutMs,
        what: () => `a login on port ${port}`,
        everyMs: 200,
      }),
    /** A session that stays open; `ask` sends a line and resolves with the answer. */
    session(): { ask(line: string): Promise<string>; end(): void; readonly process: ChildProcess } {
      const process = spawn('ssh', [...options, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
      return {
        process,
        ask: line =>
          new Promise((resolve, reject) => {
            process.once('exit', () => reject(new Error('the session ended')));
            process.stdout.once('data', data => resolve(String(data).trim()));
            process.stdin.write(`${line}\n`);
          }),
        end: () => void process.kill(),
      };
    },
  };
}

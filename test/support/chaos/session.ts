import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from '../../../crds/types.generated.ts';
import { CHEAP_KEY_EXCHANGE } from '../ssh-login.ts';
import { until } from '../until.ts';
import { GATEWAY_PORT } from './machine.ts';

export type Way = 'direct' | 'gateway';

export interface SessionOptions {
  workspace: Workspace;
  way: Way;
  /** Of the key and known hosts. */
  dir: string;
  /** Path of a private key that the workspace and the gateway know. */
  key: string;
  gatewayKeys: string[];
}

/** Keeps each line that it is sent in the home, then says it again. */
const KEEP = 'while read -r line; do echo "$line" >>~/told && echo "$line"; done';
const ANSWER_MS = 30_000;

/** A real ssh with a command that stays. */
export class Session {
  readonly name: string;
  readonly way: Way;
  readonly node: string;
  readonly openedAt = Date.now();
  /** What happened that may break it, and when. */
  excuse: { why: string; at: number } | undefined;
  /** Undefined while it is open. */
  closedAt: number | undefined;
  /** Lines that were said again: they are on the volume. */
  readonly kept: string[] = [];
  readonly #child: ChildProcess;
  #errors = '';
  #said = '';

  constructor(options: SessionOptions) {
    const { metadata, status } = options.workspace;
    this.name = metadata.name;
    this.way = options.way;
    this.node = status?.nodeName ?? '';
    this.#child = spawn('ssh', [...sshOptions(options), KEEP], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.on('data', data => {
      this.#errors += data;
    });
    this.#child.stdout?.on('data', data => {
      this.#said += data;
    });
    this.#child.once('exit', () => {
      this.closedAt = Date.now();
    });
  }

  /** For how long it had no reason to break, in milliseconds. */
  get calmMs(): number {
    return (this.excuse?.at ?? Date.now()) - this.openedAt;
  }

  /** Whether it is answered. */
  async tell(line: string): Promise<boolean> {
    this.#child.stdin?.write(`${line}\n`);
    const isSaid = () => this.#said.split('\n').includes(line);
    const what = () => `${this.name} to answer`;
    await until(() => isSaid() || this.closedAt !== undefined, { timeoutMs: ANSWER_MS, what }).catch(
      () => {},
    );
    if (!isSaid()) return false;
    this.kept.push(line);
    return true;
  }

  async end(): Promise<void> {
    if (this.closedAt !== undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  toString(): string {
    const moment = (at: number) => new Date(at).toISOString().slice(11, -1);
    const closed = this.closedAt === undefined ? 'open' : `closed ${moment(this.closedAt)}`;
    return `${this.name} on ${this.node} by ${this.way}: opened ${moment(this.openedAt)}, ${closed} ${this.#errors.trim()}`;
  }
}

/** Arguments of ssh, without a command. */
export function sshOptions({ workspace, way, dir, key, gatewayKeys }: SessionOptions): string[] {
  const { metadata, status } = workspace;
  const { host = '', port = 0, user = 'dev', hostKeys = [] } = status?.ssh ?? {};
  const alias = `${metadata.name}-${metadata.uid}`;
  const known = join(dir, `known-${alias}`);
  const lines = [
    ...hostKeys.map(hostKey => `${alias} ${hostKey}`),
    ...gatewayKeys.map(hostKey => `gateway ${hostKey}`),
  ];
  writeFileSync(known, `${lines.join('\n')}\n`);
  const common = [
    ...['-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${known}`],
    ...['-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    ...['-o', 'ConnectTimeout=10', '-o', CHEAP_KEY_EXCHANGE],
  ];
  const jump = [
    ...['ssh', ...common, '-o', 'HostKeyAlias=gateway', '-p', String(GATEWAY_PORT)],
    ...['-W', `${metadata.name}.${metadata.namespace}:22`, 'alice@127.0.0.1'],
  ].join(' ');
  const through = way === 'gateway' ? ['-o', `ProxyCommand=${jump}`] : [];
  return [...common, '-o', `HostKeyAlias=${alias}`, ...through, '-p', String(port), `${user}@${host}`];
}

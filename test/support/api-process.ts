import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Limits } from '../../controller/apiserver/context.ts';
import { within } from './until.ts';

/** The API server over the durable store, in a process of its own. */
export interface ApiProcess {
  readonly pid: number;
  readonly url: string;
  readonly ca: string;
  /** Bearer token of an admin. */
  readonly token: string;
  /** Bearer token of anybody. One call at a time. */
  tokenOf(user: string, groups?: readonly string[]): Promise<string>;
  /** Ends it properly, or with SIGKILL. Resolves when it is gone, with its exit code and signal. */
  end(signal?: 'SIGTERM' | 'SIGKILL'): Promise<[code: number | null, signal: string | null]>;
}

export interface ApiProcessOptions {
  /** Of the database and the certificates; what is there is gone on with. */
  readonly folder: string;
  /** Defaults to a free one. */
  readonly port?: number;
  readonly limits?: Partial<Limits>;
  readonly nodeOptions?: readonly string[];
}

/** Resolves when it serves. */
export async function startApiProcess(options: ApiProcessOptions): Promise<ApiProcess> {
  const { folder, port = 0, limits = {}, nodeOptions = [] } = options;
  const script = fileURLToPath(new URL('./api-process-server.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [...nodeOptions, script, folder, String(port), JSON.stringify(limits)],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const line = await within(Promise.race([firstLine(child), exited.then(() => undefined)]), {
    timeoutMs: 60_000,
    what: () => `the API server in ${folder} to serve`,
  });
  if (line === undefined) throw new Error(`the API server in ${folder} did not start`);
  const { server: url, ca, token } = JSON.parse(line) as { server: string; ca: string; token: string };
  return {
    pid: child.pid!,
    url,
    ca,
    token,
    async tokenOf(user, groups = []) {
      child.send({ user, groups });
      const [made] = (await within(once(child, 'message'), {
        timeoutMs: 30_000,
        what: () => `a token of ${user}`,
      })) as [string];
      return made;
    },
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      return within(exited, { timeoutMs: 60_000, what: () => `the API server to end by ${signal}` });
    },
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(createInterface(child.stdout as Readable), 'line')) as [string];
  return line;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAgent } from '../../agent/main.ts';
import type { Client } from '../../controller/client/client.ts';
import { connect } from '../../controller/client/connect.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { runController } from '../../controller/main.ts';
import { SERVER_OPTIONS } from '../../controller/options.ts';
import { freePorts } from './ports.ts';
import { type CliOptions, type CliResult, cli } from './run-cli.ts';
import { layServerTls } from './server-tls.ts';
import { within } from './until.ts';

export interface LocalServer {
  home: string;
  kubeconfig: string;
  client: Client;
  /** Runs a command line against it, in this process. */
  cli(args: string[], options?: CliOptions): Promise<CliResult>;
  /** `nexus apply -f -` of `yaml`. */
  apply(yaml: string, ...args: string[]): Promise<CliResult>;
  /** Stops the server alone; the agent goes on. */
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  /** Stops both; everything is removed. */
  close(): Promise<void>;
}

export interface LocalServerOptions {
  /** Name of the node. */
  node?: string;
  /** Without an agent there is no node, and nothing becomes ready. Defaults to true. */
  agent?: boolean;
  /** It makes certificates of its own: its authority is none that another server of the tests has. */
  ownAuthority?: boolean;
  /** Further options of the server. */
  flags?: Record<string, unknown>;
}

/** A whole installation in this process: the embedded server over HTTPS, and an agent with the in-memory driver. */
export async function localServer(options: LocalServerOptions = {}): Promise<LocalServer> {
  const home = mkdtempSync(join(tmpdir(), 'nexus-local-'));
  if (!options.ownAuthority) await layServerTls(home);
  const node = options.node ?? 'n1';
  const [port] = await freePorts(1);
  const kubeconfig = join(home, 'kubeconfig');
  let stopServer = async () => {};
  let stopAgent = async () => {};
  const startServer = async () => {
    const flags = {
      listen: `127.0.0.1:${port}`,
      gatewayListen: '127.0.0.1:0',
      ...(options.agent !== false && { localNode: node }),
      logLevel: 'silent',
      ...options.flags,
    };
    const { values } = resolveOptions(SERVER_OPTIONS, { flags });
    stopServer = await started((signal, onReady) => runController({ ...values, home, onReady }, signal));
  };
  await startServer();
  if (options.agent !== false) {
    const file = join(home, 'agent', 'kubeconfig');
    const settings = { nodeName: node, kubeconfig: file, home, drivers: ['memory'], logLevel: 'silent' };
    stopAgent = await started((signal, onReady) => runAgent({ ...settings, onReady }, signal));
  }
  const { client } = await connect({ file: kubeconfig });
  const server: LocalServer = {
    home,
    kubeconfig,
    client,
    cli: (args, o = {}) => cli(args, { ...o, env: { HOME: home, NEXUS_HOME: home, ...o.env } }),
    apply: (yaml, ...args) => server.cli(['apply', '-f', '-', ...args], { stdin: yaml }),
    stopServer: () => stopServer(),
    startServer,
    async close() {
      await client.close();
      await stopAgent();
      await stopServer();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return server;
}

/** Runs a part of the system until it is ready; gives what stops it. */
async function started(
  run: (signal: AbortSignal, onReady: () => void) => Promise<void>,
): Promise<() => Promise<void>> {
  const abort = new AbortController();
  const ready = Promise.withResolvers<void>();
  const ended = run(abort.signal, ready.resolve);
  ended.catch(ready.reject);
  await within(ready.promise, { timeoutMs: 60_000, what: () => 'a server or an agent to be ready' });
  return async () => {
    abort.abort();
    await within(ended, { timeoutMs: 60_000, what: () => 'a server or an agent to end' });
  };
}

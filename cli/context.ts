import type { Client } from '../controller/client/client.ts';
import { connect } from '../controller/client/connect.ts';
import { KubeconfigError, kubeconfigPath } from '../controller/client/kubeconfig.ts';
import type { Clock } from '../controller/kit/clock.ts';
import { VERSION } from '../controller/kit/version.ts';
import type { CommandContext, GlobalFlags, Io } from './command.ts';
import { CliError, EXIT } from './errors.ts';
import { safeLines } from './output/style.ts';
import { preferredNamespace } from './read-preferences.ts';

export interface ContextOptions {
  io: Io;
  flags: GlobalFlags;
  signal: AbortSignal;
  clock: Clock;
  home: string;
}

/** What a command works with. Nothing is read or connected before it is asked for. */
export function createContext({
  io,
  flags,
  signal,
  clock,
  home,
}: ContextOptions): CommandContext & { close(): Promise<void> } {
  const file = kubeconfigPath({ flag: flags.kubeconfig, env: io.env, home });
  let connecting: ReturnType<typeof connect> | undefined;
  const connection = () => {
    connecting ??= open().catch(error => {
      throw foreseen(error);
    });
    return connecting;
  };
  const open = async () =>
    connect({
      file,
      ...(await chosen(flags, io.env)),
      token: io.env.NEXUS_TOKEN,
      userAgent: `nexus/${VERSION}`,
      clock,
      loginToken: async to => (await import('./login/token.ts')).loginToken(to, result),
    });
  const print = (line: string) => void io.stdout.write(`${safeLines(line)}\n`);
  const note = (line: string) => void io.stderr.write(`${safeLines(line)}\n`);
  const result: CommandContext & { close(): Promise<void> } = {
    io,
    clock,
    signal,
    home,
    client: async (): Promise<Client> => (await connection()).client,
    connection: async () => (await connection()).connection,
    namespace: async () =>
      flags.namespace ?? (await connection()).connection.namespace ?? preferredNamespace(home) ?? 'default',
    print,
    note,
    verbose: line => {
      if (flags.verbose) note(line);
    },
    async close() {
      const open = await connecting?.catch(() => undefined);
      await open?.client.close();
    },
  };
  return result;
}

/** A flag comes before the environment. */
async function chosen(
  { context }: GlobalFlags,
  env: Io['env'],
): Promise<{ context?: string; server?: string }> {
  if (context) return { context };
  const { NEXUS_CONTEXT, NEXUS_SERVER } = env;
  return {
    ...(NEXUS_CONTEXT && { context: NEXUS_CONTEXT }),
    ...(NEXUS_SERVER && { server: (await import('./login/server-url.ts')).serverUrl(NEXUS_SERVER) }),
  };
}

function foreseen(error: unknown): unknown {
  if (!(error instanceof KubeconfigError)) return error;
  const exitCode = error.code === 'NoFile' ? EXIT.unreachable : EXIT.usage;
  return new CliError(error.message, { exitCode, cause: error });
}

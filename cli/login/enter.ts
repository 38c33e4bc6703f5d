import { type Kubeconfig, kubeconfigPath, LOGIN_TOKEN_COMMAND } from '../../controller/client/kubeconfig.ts';
import { updateKubeconfig, writeKubeconfig } from '../../controller/client/write-kubeconfig.ts';
import { ownCommand } from '../../controller/kit/program.ts';
import type { CommandContext, GlobalFlags } from '../command.ts';
import type { LoginAnswer, Proof } from './prove.ts';
import { dropLogin, keepLogin, keptFrom } from './token.ts';
import type { KnownServer } from './trust.ts';

export interface Entry {
  /** Of cluster, user and context. */
  name: string;
  known: KnownServer;
  answer: LoginAnswer;
  proof: Proof;
}

const fileOf = (flags: GlobalFlags, { io, home }: CommandContext) =>
  kubeconfigPath({ flag: flags.kubeconfig, env: io.env, home });

/** Keeps a login, and makes the server the current context. kubectl gets its token by running this program. */
export async function enter(entry: Entry, flags: GlobalFlags, context: CommandContext): Promise<void> {
  const { name, known, answer, proof } = entry;
  const { home, clock } = context;
  await keepLogin(home, name, keptFrom(known.server, proof, answer, clock));
  const { file: command, args } = ownCommand();
  await writeKubeconfig(fileOf(flags, context), {
    name,
    cluster: {
      server: known.server,
      'certificate-authority-data': Buffer.from(known.ca).toString('base64'),
    },
    user: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command,
        args: [...args, LOGIN_TOKEN_COMMAND, name],
        env: [{ name: 'NEXUS_HOME', value: home }],
        interactiveMode: 'IfAvailable',
        provideClusterInfo: false,
      },
    },
    namespace: answer.namespace,
    current: true,
  });
}

/** Forgets a login with its server, user and context. */
export async function leave(name: string, flags: GlobalFlags, context: CommandContext): Promise<void> {
  await dropLogin(context.home, name);
  const without = <E extends { name: string }>(list: E[] | undefined) =>
    list?.filter(one => one.name !== name);
  await updateKubeconfig(fileOf(flags, context), (config: Kubeconfig) => {
    const contexts = without(config.contexts);
    const { 'current-context': current, ...rest } = config;
    const next = current === name ? contexts?.[0]?.name : current;
    return {
      ...rest,
      clusters: without(config.clusters),
      users: without(config.users),
      contexts,
      ...(next !== undefined && { 'current-context': next }),
    };
  });
}

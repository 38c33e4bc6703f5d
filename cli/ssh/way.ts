import type { Argv } from 'yargs';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { findGateway, type Gateway } from './gateway.ts';
import { hostAlias, type PublishedHost, type SshServer } from './published.ts';
import { reachOf } from './reach.ts';

/** What a person asks for: the direct way where it works, else the gateway; or one of them. */
export type Via = 'auto' | 'direct' | 'gateway';

/** How a workspace is reached, and why not otherwise. */
export type Way = { kind: 'direct' } | { kind: 'gateway'; gateway: Gateway; why: string };

export const VIA_OPTION = {
  type: 'string',
  choices: ['auto', 'direct', 'gateway'],
  default: 'auto',
  describe: "Way to the workspace: the node's own port where it is reached, else the gateway; or one of them",
} as const;

export const viaOption = (yargs: Argv): Argv => yargs.option('via', VIA_OPTION);

export const addressOf = ({ host, port }: Pick<SshServer, 'host' | 'port'>): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * The way to a workspace: the node's port when it answers with the published key, else the gateway. When neither does,
 * the first that took the connection and was slow to answer: ssh has more patience, and checks the key itself. Throws
 * CliError that says what was tried and why each failed.
 */
export async function chooseWay(
  published: PublishedHost,
  context: CommandContext,
  { via = 'auto', isFresh = false }: { via?: Via; isFresh?: boolean } = {},
): Promise<Way> {
  if (via === 'direct') return { kind: 'direct' };
  const tried: string[] = [];
  let slow: Way | undefined;
  if (via === 'auto') {
    const reach = await reachOf(published, context, { isFresh });
    if (reach.reachable) return { kind: 'direct' };
    tried.push(`direct, to ${addressOf(published)}: ${reach.why}`);
    if (reach.isSlow) slow = { kind: 'direct' };
  }
  const gateway = await findGateway(context);
  if ('problem' in gateway) tried.push(`by way of the gateway: ${gateway.problem}`);
  else {
    const reach = await reachOf(gateway, context, { isFresh });
    const way: Way = { kind: 'gateway', gateway, why: tried[0] ?? '--via gateway' };
    if (reach.reachable) return way;
    if (reach.isSlow) slow ??= way;
    tried.push(`by way of the gateway ${addressOf(gateway)}: ${reach.why}`);
  }
  if (slow) return slow;
  // What was found a while ago is no reason to give up now.
  if (!isFresh) return chooseWay(published, context, { via, isFresh: true });
  throw new CliError([`no way to ${hostAlias(published)}:`, ...tried.map(line => `  ${line}`)].join('\n'), {
    exitCode: EXIT.unreachable,
    next: `nexus describe ws ${published.name} -n ${published.namespace}; \`nexus doctor\` looks at the rest`,
  });
}

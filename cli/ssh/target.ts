import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError } from '../errors.ts';
import { findWorkspace } from '../workspace/find.ts';
import { refreshConfig } from './config/update.ts';
import { GATEWAY_ALIAS } from './gateway.ts';
import { identityFiles } from './identities.ts';
import { keepHostKeys } from './known-hosts.ts';
import {
  gatewayProxy,
  identityOptions,
  KEEP_ALIVE,
  optionArgs,
  type SshOption,
  strictHostKey,
} from './options.ts';
import { hostAlias, type PublishedHost, publishedHost } from './published.ts';
import { addressOf, chooseWay, type Via, type Way } from './way.ts';

/** How to reach a workspace by ssh. */
export interface SshTarget {
  workspace: Workspace;
  published: PublishedHost;
  way: Way;
  /** The way in words. */
  told: string;
  /** What ssh is told to connect to: the node; by way of the gateway a mere name. */
  host: string;
  port: number;
  user: string;
  /** Options for ssh, scp and sftp alike: host key checked against what the server published, our key offered too. */
  options: string[];
}

export interface TargetOptions {
  via?: Via;
  /** Looks again at which way works. */
  isFresh?: boolean;
}

/** A workspace that takes connections, as it is now. Throws CliError with what to do. */
export async function sshTarget(
  name: string,
  context: CommandContext,
  options: TargetOptions = {},
): Promise<SshTarget> {
  return targetOf(await findWorkspace(name, context), context, options);
}

/** The same for one that was read already. */
export async function targetOf(
  workspace: Workspace,
  context: CommandContext,
  options: TargetOptions = {},
): Promise<SshTarget> {
  const { spec, status, metadata } = workspace;
  const { name } = metadata;
  if (spec.running === false)
    throw new CliError(`workspace ${name} is stopped`, { next: `nexus start ${name}` });
  const published = publishedHost(workspace);
  if (!published)
    throw new CliError(
      `workspace ${name} has no SSH server yet (${status?.phase ?? 'Pending'}${status?.message ? `: ${status.message}` : ''})`,
      { next: `nexus wait ws/${name} --for condition=SSHReady` },
    );
  if (status?.phase === 'Unknown')
    context.note(`warning: ${status.message ?? 'its node is silent; it may not answer'}`);
  const way = await chooseWay(published, context, options);
  await refreshConfig(context, { seen: [workspace] });
  const { home } = context;
  const alias = hostAlias(published);
  const where = { home, context: (await context.connection()).context };
  const knownHostsFile = await keepHostKeys(where, alias, published.hostKeys);
  const identities = identityFiles(home, context.io.env);
  const common: SshOption[] = [
    ...strictHostKey(alias, knownHostsFile),
    ...KEEP_ALIVE,
    ['ConnectTimeout', '10'],
    ['LogLevel', 'ERROR'],
    ['ControlPath', 'none'],
    ...identityOptions(identities),
  ];
  const { user } = published;
  const reached = { workspace, published, way, user };
  if (way.kind === 'direct') {
    const { host, port } = published;
    const told = `direct to ${user}@${addressOf(published)}`;
    context.verbose(`${told}, host key of ${alias} checked`);
    return { ...reached, told, host, port, options: optionArgs(common) };
  }
  const gatewayKeys = await keepHostKeys(where, GATEWAY_ALIAS, way.gateway.hostKeys);
  const proxy = gatewayProxy(way.gateway, { alias, knownHostsFile: gatewayKeys, identities });
  const told = `by way of the gateway ${addressOf(way.gateway)} to ${user}@${alias}; ${way.why}`;
  context.verbose(`${told}; host keys of both checked`);
  // A name of its own, so that no entry of `nexus ssh-config` for the workspace is looked up as well.
  const host = `${alias}.by-gateway`;
  return { ...reached, told, host, port: 22, options: optionArgs([...common, proxy]) };
}

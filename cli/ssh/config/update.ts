import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../../controller/kit/errors.ts';
import { writeFileWhole } from '../../../controller/kit/write-file.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';
import { CliError } from '../../errors.ts';
import { findGateway, GATEWAY_ALIAS } from '../gateway.ts';
import { identityFiles } from '../identities.ts';
import { dropHostKeys, keepHostKeys } from '../known-hosts.ts';
import { configFile, controlFolder, sshFolder } from '../places.ts';
import { hostAlias, publishedHost } from '../published.ts';
import { reachOf } from '../reach.ts';
import type { Via } from '../way.ts';
import { type Named, nameWorkspaces } from './aliases.ts';
import { type KnownHost, readAllHosts, readHosts, type ServerHosts, writeHosts } from './hosts.ts';
import { ownHosts } from './own-hosts.ts';
import { isLoopback, renderConfig } from './render.ts';
import { metHosts } from './strange-hosts.ts';

/** What a person may choose; what is left out stays as it was. */
export interface Choices {
  prefix?: string;
  suffix?: string;
  via?: Via;
  /** The person's own configuration. */
  file?: string;
}

/** The person's own configuration where nobody names another. */
export function personalConfig({ io }: Pick<CommandContext, 'io'>): string {
  return join(io.env.HOME || homedir(), '.ssh', 'config');
}

/**
 * Reads every workspace that the person may see, and what is known of the server's gateway. Nothing is written. Throws
 * ApiError, and CliError for what is no name, address or key.
 */
export async function learnHosts(context: CommandContext, choices: Choices): Promise<ServerHosts> {
  const { context: name, server } = await context.connection();
  const [before, gateway, workspaces] = await Promise.all([
    readHosts(context.home, name),
    findGateway(context),
    listWorkspaces(context),
  ]);
  const known = new Map(before?.workspaces.map(one => [hostAlias(one), one]));
  const learned: KnownHost[] = [];
  for (const workspace of workspaces) {
    const published = readPublished(workspace, context);
    // One that is being made anew keeps its name meanwhile.
    const host = published ?? known.get(hostAlias({ namespace: 'default', ...workspace.metadata }));
    if (host) learned.push(await withReach(host, context));
  }
  return {
    version: 1,
    context: name,
    server,
    namespace: await context.namespace(),
    prefix: choices.prefix ?? before?.prefix ?? '',
    suffix: choices.suffix ?? before?.suffix ?? '',
    via: choices.via ?? before?.via ?? 'auto',
    file: choices.file ?? before?.file ?? personalConfig(context),
    ...(!('problem' in gateway) && { gateway }),
    workspaces: learned.sort((a, b) => (hostAlias(a) < hostAlias(b) ? -1 : 1)),
  };
}

/** Those of all namespaces, or of the one that a person who may not list all works in. */
async function listWorkspaces(context: CommandContext): Promise<Workspace[]> {
  const client = await context.client();
  const { signal } = context;
  try {
    return (await client.list(WORKSPACE, { signal })).items;
  } catch (error) {
    if (!isApiError(error, 'Forbidden')) throw error;
    return (await client.list(WORKSPACE, { namespace: await context.namespace(), signal })).items;
  }
}

/** What is odd is told and left out: one bad workspace takes no other's name away. */
function readPublished(workspace: Workspace, context: CommandContext): KnownHost | undefined {
  try {
    return publishedHost(workspace);
  } catch (error) {
    if (error instanceof CliError) context.note(`warning: ${error.message}`);
    return undefined;
  }
}

async function withReach(host: KnownHost, context: CommandContext): Promise<KnownHost> {
  if (!isLoopback(host.host)) return host;
  return { ...host, isHere: (await reachOf(host, context)).reachable };
}

/** What the configuration would be. Names of hosts that the person's ssh knows are left alone. */
export function composeConfig(
  servers: ServerHosts[],
  { home, io }: CommandContext,
): { text: string; named: Named[] } {
  const files = new Set(servers.map(({ file }) => file));
  const options = { home: io.env.HOME || homedir(), except: configFile(home) };
  const own = new Set([...files].flatMap(file => [...ownHosts(file, options)]));
  const met = metHosts(options.home);
  const named = nameWorkspaces(servers, { has: alias => own.has(alias) || met.has(alias) });
  return { text: renderConfig(servers, named, { home, identities: identityFiles(home, io.env) }), named };
}

/** Writes host keys and configuration of what is known. Runs at once end in the same: each looks again at the end. */
async function writeConfig(context: CommandContext): Promise<Named[]> {
  const { home } = context;
  await mkdir(sshFolder(home), { recursive: true, mode: 0o700 });
  await mkdir(controlFolder(home), { recursive: true, mode: 0o700 });
  for (;;) {
    const servers = await readAllHosts(home);
    for (const hosts of servers) await writeHostKeys(home, hosts);
    const { text, named } = composeConfig(servers, context);
    const path = configFile(home);
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeFileWhole(path, text);
    if (JSON.stringify(await readAllHosts(home)) === JSON.stringify(servers)) return named;
  }
}

async function writeHostKeys(home: string, { context, gateway, workspaces }: ServerHosts): Promise<void> {
  const where = { home, context };
  if (gateway) await keepHostKeys(where, GATEWAY_ALIAS, gateway.hostKeys);
  for (const workspace of workspaces) await keepHostKeys(where, hostAlias(workspace), workspace.hostKeys);
}

/** Learns everything anew and writes it. */
export async function updateConfig(
  context: CommandContext,
  choices: Choices,
): Promise<{ hosts: ServerHosts; named: Named[] }> {
  const before = await readHosts(context.home, (await context.connection()).context);
  const hosts = await learnHosts(context, choices);
  await writeHosts(context.home, hosts);
  const named = await writeConfig(context);
  const left = new Set(hosts.workspaces.map(hostAlias));
  const gone = before?.workspaces.map(hostAlias).filter(alias => !left.has(alias)) ?? [];
  await dropHostKeys({ home: context.home, context: hosts.context }, gone);
  return { hosts, named: named.filter(one => one.hosts.context === hosts.context) };
}

/**
 * For commands that have just read workspaces: keeps their entries true where `nexus ssh-config` was asked for. `gone`
 * are those that are no longer there. Never fails: the command is about something else.
 */
export async function refreshConfig(
  context: CommandContext,
  { seen = [], gone = [] }: { seen?: Workspace[]; gone?: { name: string; namespace?: string }[] },
): Promise<void> {
  try {
    const { context: name } = await context.connection();
    const before = await readHosts(context.home, name);
    if (!before) return;
    const known = new Map(before.workspaces.map(one => [hostAlias(one), one]));
    const lost = gone.map(key => hostAlias({ namespace: 'default', ...key }));
    for (const alias of lost) known.delete(alias);
    for (const workspace of seen) {
      const published = publishedHost(workspace);
      if (published) known.set(hostAlias(published), await withReach(published, context));
    }
    const workspaces = [...known.values()].sort((a, b) => (hostAlias(a) < hostAlias(b) ? -1 : 1));
    if (JSON.stringify(workspaces) === JSON.stringify(before.workspaces)) return;
    await writeHosts(context.home, { ...before, workspaces });
    await writeConfig(context);
    await dropHostKeys({ home: context.home, context: name }, lost);
  } catch (error) {
    context.verbose(`the ssh configuration was not refreshed: ${(error as Error).message}`);
  }
}

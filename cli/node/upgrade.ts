import { parseDuration } from '../../controller/kit/duration.ts';
import { NODE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { readFacts } from '../remote/facts.ts';
import { openRemote, type RemoteTarget } from '../remote/remote.ts';
import { platformOf } from './check-machine.ts';
import { installProgram, installService, restartAgent, untilAgentWorks } from './install.ts';
import { findProgram, type Program } from './program.ts';
import { destinationOf } from './ssh-destination.ts';
import { untilNodeReady } from './until-ready.ts';

export interface UpgradeFlags extends Flags {
  all: boolean;
  ssh?: string;
  program?: string;
  identity?: string;
  port?: number;
  sshConfig?: string;
  timeout: string;
}

/**
 * `nexus node upgrade NODE… | --all`: the program of each node is replaced and its agent started again, one node after the
 * other; the first that does not come back ends it. Workspaces and sessions into them go on.
 */
export async function upgradeNodes(
  names: string[],
  flags: UpgradeFlags,
  context: CommandContext,
): Promise<number> {
  const timeoutMs = parseDuration(flags.timeout);
  if (timeoutMs === undefined) throw usageError(`--timeout takes a duration, not "${flags.timeout}"`);
  if (flags.all === names.length > 0) throw usageError('which nodes?', 'nexus node upgrade NODE…, or --all');
  if (flags.ssh !== undefined && names.length !== 1)
    throw usageError('--ssh says how to reach one node', 'nexus node upgrade NODE --ssh user@host');
  const client = await context.client();
  const nodes = flags.all
    ? (await client.list(NODE, { signal: context.signal })).items
    : await Promise.all(names.map(name => client.get(NODE, { name }, context.signal)));
  const programs = new Map<string, Program>();
  const done: string[] = [];
  for (const node of nodes) {
    const { name } = node.metadata;
    const target = targetOf(node, flags);
    if (!target) {
      const next = `nexus node upgrade ${name} --ssh user@host`;
      if (!flags.all) throw new CliError(`how node ${name} is reached by ssh is not known`, { next });
      context.note(`${name}: passed over, since how it is reached by ssh is not known; ${next}`);
      continue;
    }
    try {
      await upgradeOne(name, target, { flags, programs, timeoutMs, context });
      done.push(name);
    } catch (error) {
      const left = nodes
        .map(({ metadata }) => metadata.name)
        .filter(one => one !== name && !done.includes(one));
      if (left.length > 0) context.note(`not looked at: ${left.join(', ')}`);
      throw error;
    }
  }
  return EXIT.done;
}

function targetOf(node: Node, flags: UpgradeFlags): RemoteTarget | undefined {
  const known = flags.ssh === undefined ? destinationOf(node) : { destination: flags.ssh };
  if (!known) return undefined;
  const { port = known.port, identity, sshConfig: config } = flags;
  return { ...known, port, identity, config };
}

async function upgradeOne(
  name: string,
  target: RemoteTarget,
  {
    flags,
    programs,
    timeoutMs,
    context,
  }: { flags: UpgradeFlags; programs: Map<string, Program>; timeoutMs: number; context: CommandContext },
): Promise<void> {
  const remote = await openRemote(target, context);
  try {
    const facts = await readFacts(remote);
    const platform = platformOf(facts);
    if (!platform) throw new CliError(`${name}: there is no release for ${facts.system} on ${facts.machine}`);
    if (!facts.root)
      throw new CliError(
        `${name}: ${facts.user} is not root there, and sudo does not let them without a question`,
      );
    if (!facts.programDigest || !facts.gatewayFile)
      throw new CliError(`${target.destination} is no node that \`nexus node add\` made`, {
        next: `nexus node add ${target.destination} --node-name ${name}`,
      });
    const is = (JSON.parse(facts.gatewayFile) as { nodeName?: string }).nodeName;
    if (is !== name)
      throw new CliError(`${target.destination} is node ${is}, not ${name}`, { exitCode: EXIT.conflict });
    const program = programs.get(platform) ?? (await findProgram(platform, flags.program, context));
    programs.set(platform, program);
    const isChanged = [
      await installProgram(remote, facts, { program, context }),
      await installService(remote, facts),
      !facts.running,
    ].some(Boolean);
    if (isChanged) await restartAgent(remote, facts);
    await untilAgentWorks(remote, facts, context);
    await untilNodeReady(name, timeoutMs, context);
    context.print(`${name}: ${isChanged ? 'upgraded, and Ready' : 'unchanged'}`);
  } finally {
    await remote.close();
  }
}

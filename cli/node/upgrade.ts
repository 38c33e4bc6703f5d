import { parseDuration } from '../../controller/kit/duration.ts';
import { NODE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { type MachineFacts, PLACES, readFacts } from '../remote/facts.ts';
import { openRemote, type Remote, type RemoteTarget } from '../remote/remote.ts';
import { platformOf } from './check-machine.ts';
import {
  forgetFormer,
  installProgram,
  installService,
  putFormerBack,
  restartAgent,
  untilAgentWorks,
} from './install.ts';
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
  timeout?: string;
}

export const UPGRADE_OPTIONS = {
  all: { type: 'boolean', default: false, describe: 'upgrade: every node whose machine was added' },
  ssh: { type: 'string', describe: 'upgrade: user@host of the one node, where it is another than it was' },
} as const;

const DEFAULT_TIMEOUT = '2m';

/**
 * `nexus node upgrade NODE… | --all`: the program of each node is replaced and its agent started again, one node after the
 * other; the first that does not come back ends it. Workspaces and sessions into them go on.
 */
export async function upgradeNodes(
  names: string[],
  flags: UpgradeFlags,
  context: CommandContext,
): Promise<number> {
  const { timeout = DEFAULT_TIMEOUT } = flags;
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) throw usageError(`--timeout takes a duration such as 5m, not "${timeout}"`);
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
    // Of an earlier one that was broken off: what is there now is what to go back to.
    await forgetFormer(remote, facts);
    const newProgram = await installProgram(remote, facts, { program, context });
    const newService = await installService(remote, facts);
    const isNew = newProgram || newService;
    try {
      if (isNew || !facts.running) await restartAgent(remote, facts);
      await untilAgentWorks(remote, facts, { timeoutMs, context });
      await untilNodeReady(name, timeoutMs, context);
    } catch (error) {
      if (!isNew || context.signal.aborted) throw error;
      throw await rollBack(name, error, { remote, facts, timeoutMs, context });
    }
    await forgetFormer(remote, facts);
    context.print(`${name}: ${isNew ? 'upgraded' : facts.running ? 'unchanged' : 'started'}, and Ready`);
  } finally {
    await remote.close();
  }
}

/** The former program runs again; gives what to throw. Throws CliError when it does not. */
async function rollBack(
  name: string,
  cause: unknown,
  {
    remote,
    facts,
    timeoutMs,
    context,
  }: { remote: Remote; facts: MachineFacts; timeoutMs: number; context: CommandContext },
): Promise<CliError> {
  const why = cause instanceof Error ? cause.message : String(cause);
  context.note(`${name}: ${why}; the former program is put back`);
  await putFormerBack(remote, facts);
  await untilAgentWorks(remote, facts, { timeoutMs, context });
  return new CliError(`${name} was not upgraded, and runs the program that it had: ${why}`, {
    next: facts.systemd
      ? `on ${remote.destination}: journalctl -u nexus-agent`
      : `on ${remote.destination}: tail ${PLACES.log}`,
    cause,
  });
}

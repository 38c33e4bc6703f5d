import { AGENT_OPTIONS } from '../../agent/options.ts';
import { parseDuration } from '../../controller/kit/duration.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { jsonEqual } from '../../controller/kit/json.ts';
import { nodeNameFrom } from '../../controller/kit/node-name.ts';
import { resolveOptions } from '../../controller/kit/options.ts';
import { NODE } from '../../crds/kinds.ts';
import { ANNOTATION_SSH_DESTINATION } from '../../crds/names.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { type MachineFacts, PLACES, readFacts, serviceFile } from '../remote/facts.ts';
import { openRemote, type Remote, type RemoteTarget } from '../remote/remote.ts';
import { findGateway, type Gateway, parseAddress } from '../ssh/gateway.ts';
import { addressOf } from '../ssh/way.ts';
import { type Check, checkMachine, fittingDrivers, platformOf } from './check-machine.ts';
import { forgetFormer, installProgram, installService, restartAgent, untilAgentWorks } from './install.ts';
import { ENGINE_SOCKET, installEngine, lacksDocker } from './install-engine.ts';
import { type GatewayFor, joinedName, joinMachine } from './join-machine.ts';
import { parseLabels } from './label.ts';
import { makeImages } from './make-image.ts';
import { findProgram } from './program.ts';
import { formatDestination } from './ssh-destination.ts';
import { untilNodeReady } from './until-ready.ts';

export interface AddFlags extends Flags {
  nodeName?: string;
  drivers?: string[];
  label?: string[];
  address?: string;
  gateway?: string;
  program?: string;
  identity?: string;
  port?: number;
  sshConfig?: string;
  installEngine: boolean;
  image: boolean;
  dryRun: boolean;
  timeout?: string;
}

export const ADD_OPTIONS = {
  'node-name': { type: 'string', describe: "add: name of the node; the machine's own when nobody says" },
  drivers: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'add: what runs workspaces there; what fits when nobody says',
  },
  label: { type: 'string', array: true, nargs: 1, describe: 'add: KEY=VALUE, for selectors of workspaces' },
  address: {
    type: 'string',
    describe:
      'add: host name or address at which people reach the machine; without one they go by the gateway',
  },
  gateway: { type: 'string', describe: 'add: HOST:PORT of the gateway as the machine reaches it' },
  'install-engine': {
    type: 'boolean',
    default: false,
    describe: 'add: install docker.io there with apt-get, or start it, where no engine is',
  },
  image: {
    type: 'boolean',
    default: true,
    describe: 'add: make the image of workspaces that name none there, if it is missing (--no-image: do not)',
  },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'add: check the machine and say what would be done',
  },
} as const;

/** How a machine is reached, and what is put there. */
export const REMOTE_OPTIONS = {
  identity: { alias: 'i', type: 'string', describe: 'add, upgrade: private key for ssh' },
  port: { alias: 'p', type: 'number', describe: 'add, upgrade: port of ssh' },
  'ssh-config': {
    alias: 'F',
    type: 'string',
    describe: "add, upgrade: ssh's configuration, in place of your own",
  },
  program: {
    type: 'string',
    describe: 'add, upgrade: nexus-linux-… of a release; this program when nobody says',
  },
} as const;

const DEFAULT_TIMEOUT = '2m';

/** `nexus node add user@host`: makes a machine a node from afar, over the person's own ssh. Again it changes nothing. */
export async function addNode(args: string[], given: AddFlags, context: CommandContext): Promise<number> {
  const [destination, ...more] = args;
  if (!destination || more.length > 0) throw usageError('which machine?', 'nexus node add user@host');
  const { drivers } = resolveOptions({ drivers: AGENT_OPTIONS.drivers }, { flags: given }).values;
  const flags = { ...given, drivers: drivers.length > 0 ? drivers : undefined };
  const { timeout = DEFAULT_TIMEOUT } = flags;
  const timeoutMs = parseDuration(timeout);
  if (timeoutMs === undefined) throw usageError(`--timeout takes a duration such as 5m, not "${timeout}"`);
  const labels = readLabels(flags.label ?? []);
  const gateway = await gatewayFor(flags.gateway, context);
  const { port, identity, sshConfig: config } = flags;
  const target: RemoteTarget = { destination, port, identity, config };
  const remote = await openRemote(target, context);
  try {
    const facts = await withEngine(remote, await readFacts(remote, gateway.reached), {
      flags,
      gateway,
      context,
    });
    tellChecks(remote, checkMachine(facts, wanted(flags, gateway, context)), context);
    const options = agentOptions(flags, facts);
    const name = flags.nodeName ?? joinedName(facts, gateway.published) ?? nodeNameFrom(facts.hostname);
    await refuseOther(name, facts, { gateway: gateway.published, context });
    if (flags.dryRun) return dryRun(facts, { name, options, flags, gateway }, context);

    const program = await findProgram(platformOf(facts) ?? '', flags.program, context);
    const said = (what: string, isNew: boolean, done: string) =>
      context.print(`${what}: ${isNew ? done : 'unchanged'}`);
    const newProgram = await installProgram(remote, facts, { program, context });
    said(PLACES.program, newProgram, 'installed');
    const newService = await installService(remote, facts);
    said(serviceFile(facts).path, newService, 'installed');
    const joined = await joinMachine(remote, facts, { name, options, gateway, context });
    said(`node ${name}`, joined.isNew, 'joined');
    if (joined.changedOptions) context.print(`options of the agent: ${JSON.stringify(options)}`);
    const isChanged = newProgram || newService || joined.isNew || joined.changedOptions || !facts.running;
    if (isChanged) await restartAgent(remote, facts);
    context.print(`agent: ${isChanged ? (facts.running ? 'restarted' : 'started') : 'runs'}`);
    await untilAgentWorks(remote, facts, { timeoutMs, context });
    await describeNode(name, labels, { target, context });
    await untilNodeReady(name, timeoutMs, context);
    await forgetFormer(remote, facts);
    context.print(`node ${name} is Ready`);
    if (options.address === undefined && joined.isNew)
      context.note(
        'Its workspaces are reached by way of the gateway; --address HOST opens their ports to people who reach the machine.',
      );
    if (isChanged && flags.image) await makeImages(remote, facts, { drivers: options.drivers, context });
    return EXIT.done;
  } finally {
    await remote.close();
  }
}

/** With an engine, where one is to be installed; what is known of the machine then. */
async function withEngine(
  remote: Remote,
  facts: MachineFacts,
  { flags, gateway, context }: { flags: AddFlags; gateway: GatewayFor; context: CommandContext },
): Promise<MachineFacts> {
  if (!flags.installEngine || !lacksDocker(facts, flags.drivers) || !facts.root) return facts;
  if (flags.dryRun) {
    context.print('would install docker.io with apt-get');
    return { ...facts, engines: { ...facts.engines, docker: ENGINE_SOCKET } };
  }
  await installEngine(remote, context);
  return readFacts(remote, gateway.reached);
}

async function gatewayFor(flag: string | undefined, context: CommandContext): Promise<GatewayFor> {
  const published = await findGateway(context);
  if ('problem' in published)
    throw new CliError(`nodes join by the gateway, and ${published.problem}`, {
      next: 'start the server with --gateway-listen 0.0.0.0:3022',
    });
  return { published, reached: flag === undefined ? published : parseAddress('--gateway', flag) };
}

const wanted = (flags: AddFlags, { reached }: GatewayFor, { clock }: CommandContext) => ({
  drivers: flags.drivers ?? [],
  gateway: addressOf(reached),
  now: Math.round(clock.now() / 1000),
});

function tellChecks(remote: Remote, checks: Check[], context: CommandContext): void {
  for (const { name, state, text, next } of checks) {
    context.note(`${{ ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[state]}  ${name}: ${text}`);
    if (next && state !== 'ok') context.note(`         next: ${next}`);
  }
  const failed = checks.filter(({ state }) => state === 'failed');
  if (failed.length > 0)
    throw new CliError(
      `${remote.destination} cannot be a node yet: ${failed.map(({ name }) => name).join(', ')}`,
      { next: 'see above; nothing was changed there' },
    );
}

/** Options that the agent keeps, of those that a person chose and those that the machine needs. */
function agentOptions(flags: AddFlags, facts: MachineFacts): { drivers: string[] } & Record<string, unknown> {
  const fit = fittingDrivers(facts);
  const drivers = flags.drivers ?? fit.drivers;
  return {
    drivers,
    ...(drivers.includes('docker') && fit.options),
    ...(flags.address !== undefined && { address: flags.address }),
  };
}

/** One name, one machine: a second one of the same host name must not take the first one's place. */
async function refuseOther(
  name: string,
  facts: MachineFacts,
  { gateway, context }: { gateway: Gateway; context: CommandContext },
): Promise<void> {
  const is = joinedName(facts, gateway);
  if (is !== undefined && is !== name)
    throw new CliError(`the machine is node ${is} already`, {
      exitCode: EXIT.conflict,
      next: `leave --node-name out; or first: nexus node remove ${is}, and there: rm -r ${PLACES.home}/agent`,
    });
  const client = await context.client();
  const there = await client.get(NODE, { name }, context.signal).catch(error => {
    if (!isApiError(error, 'NotFound')) throw error;
    return undefined;
  });
  if (there && is === undefined)
    throw new CliError(`node ${name} is there already, and is another machine`, {
      exitCode: EXIT.conflict,
      next: `choose another name: --node-name ${name}-2; or, to put this one in its place: nexus node token create --node ${name}`,
    });
}

function dryRun(
  facts: MachineFacts,
  plan: { name: string; options: Record<string, unknown>; flags: AddFlags; gateway: GatewayFor },
  context: CommandContext,
): number {
  const { name, options, flags, gateway } = plan;
  const { path, text } = serviceFile(facts);
  const isJoined = joinedName(facts, gateway.published) !== undefined;
  const kept = facts.optionsFile === '' ? {} : (JSON.parse(facts.optionsFile) as object);
  context.print(
    `would copy ${flags.program ?? `nexus-${platformOf(facts)}`} to ${PLACES.program}, if it differs`,
  );
  context.print(`would write ${path}:`);
  for (const line of text.trimEnd().split('\n')) context.print(`  ${line}`);
  context.print(
    isJoined ? `is node ${name} already` : `would join as node ${name} at ${addressOf(gateway.reached)}`,
  );
  if (!jsonEqual(kept, options)) context.print(`would set options of its agent: ${JSON.stringify(options)}`);
  context.print(`would ${facts.running ? 'restart the agent if any of that changes' : 'start the agent'}`);
  return EXIT.done;
}

function readLabels(texts: string[]): Record<string, string> {
  const labels = parseLabels(texts.flatMap(text => text.split(',')));
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => {
      if (value === null) throw usageError('--label takes KEY=VALUE');
      return [key, value];
    }),
  );
}

/** Labels that were asked for, and by which way the machine was reached. */
async function describeNode(
  name: string,
  labels: Record<string, string>,
  { target, context }: { target: RemoteTarget; context: CommandContext },
): Promise<void> {
  const client = await context.client();
  const node: Node = await client.get(NODE, { name }, context.signal);
  const annotations = { [ANNOTATION_SSH_DESTINATION]: formatDestination(target) };
  const { metadata } = node;
  const isSo = (wanted: Record<string, string>, found: Record<string, string> = {}) =>
    Object.entries(wanted).every(([key, value]) => found[key] === value);
  if (isSo(labels, metadata.labels) && isSo(annotations, metadata.annotations)) return;
  const change = { metadata: { labels, annotations } };
  await client.patch(NODE, { name }, 'merge', change, { fieldManager: 'nexus-node', signal: context.signal });
  if (Object.keys(labels).length > 0) context.print(`labels: ${JSON.stringify(labels)}`);
}

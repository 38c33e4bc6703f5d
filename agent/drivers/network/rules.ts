/** What the packet filter must know of a node's network. */
export interface RuleInput {
  bridge: string;
  chains: { forward: string; input: string };
  /** Where instances may ask for names, besides the internet: often an address of the node, or a link-local one. */
  nameServers: string[];
  /** TCP ports of the node that instances may reach. */
  hostPorts: readonly number[];
  /** Whether instances ask the node for their addresses. Defaults to false. */
  dhcp?: boolean;
  /** A chain that the engine calls before its own and keeps for others. Absent, or not there: FORWARD. */
  userChain?: string;
}

/** Bodies of our two chains, in the form of iptables-restore. Both see only what comes from the bridge. */
export interface Rules {
  forward: string[];
  input: string[];
}

const ANSWERS = '-m conntrack --ctstate RELATED,ESTABLISHED';

/**
 * IPv4. To other instances: never, neither straight nor by a published port of the node (those are translated, hence DNAT,
 * or served by a process of the engine on the node, hence INPUT). To link-local addresses, where clouds keep credentials:
 * never. To the node: answers and names alone. Everywhere else: as the engine sees fit.
 */
export function rules4(rules: RuleInput): Rules {
  const { bridge, chains, nameServers, hostPorts, dhcp } = rules;
  const { forward, input } = chains;
  const names = (chain: string, verdict: string) =>
    nameServers.flatMap(server =>
      ['udp', 'tcp'].map(protocol => `-A ${chain} -d ${server}/32 -p ${protocol} --dport 53 -j ${verdict}`),
    );
  return {
    forward: [
      `-A ${forward} ${ANSWERS} -j RETURN`,
      `-A ${forward} -o ${bridge} -j DROP`,
      `-A ${forward} -m conntrack --ctstate DNAT -j DROP`,
      ...names(forward, 'RETURN'),
      `-A ${forward} -d 169.254.0.0/16 -j DROP`,
    ],
    input: [
      `-A ${input} ${ANSWERS} -j ACCEPT`,
      ...names(input, 'ACCEPT'),
      ...(dhcp ? [`-A ${input} -p udp --dport 67 -j ACCEPT`] : []),
      ...hostPorts.map(port => `-A ${input} -p tcp --dport ${port} -j ACCEPT`),
      `-A ${input} -j DROP`,
    ],
  };
}

/** IPv6: the network has none, so all there could be is link-local talk to the neighbours and the node. */
export function rules6({ chains: { forward, input } }: RuleInput): Rules {
  return { forward: [`-A ${forward} -j DROP`], input: [`-A ${input} -j DROP`] };
}

/** What is in the filter table now, as iptables-save prints it, by chain. */
export function parseSaved(saved: string): Map<string, string[]> {
  const chains = new Map<string, string[]>();
  for (const line of saved.split('\n')) {
    const name = /^:(\S+)/.exec(line)?.[1];
    if (name) chains.set(name, []);
    const rule = /^-A (\S+) /.exec(line)?.[1];
    if (rule) chains.get(rule)?.push(line);
  }
  return chains;
}

export interface Jump {
  parent: string;
  rule: string;
}

/** Where our chains are called from. */
export function jumps({ bridge, chains, userChain }: RuleInput, there: Map<string, string[]>): Jump[] {
  const parent = userChain !== undefined && there.has(userChain) ? userChain : 'FORWARD';
  return [
    { parent, rule: `-i ${bridge} -j ${chains.forward}` },
    { parent: 'INPUT', rule: `-i ${bridge} -j ${chains.input}` },
  ];
}

/**
 * Whether the rules are in force: as many as there should be (each iptables prints them in its own spelling), and called
 * before anything that is not ours could let a packet pass.
 */
export function isInForce(input: RuleInput, rules: Rules, there: Map<string, string[]>): boolean {
  const whole =
    there.get(input.chains.forward)?.length === rules.forward.length &&
    there.get(input.chains.input)?.length === rules.input.length &&
    portsOf(there.get(input.chains.input)) === portsOf(rules.input);
  return whole && jumps(input, there).every(jump => isFirst(jump, there));
}

/** The ports that rules name, whatever their spelling. */
function portsOf(rules: string[] = []): string {
  return rules
    .flatMap(rule => /--dport (\d+)/.exec(rule)?.[1] ?? [])
    .sort()
    .join();
}

function isFirst({ parent, rule }: Jump, there: Map<string, string[]>): boolean {
  const called = there.get(parent) ?? [];
  const ours = called.indexOf(`-A ${parent} ${rule}`);
  return ours >= 0 && called.slice(0, ours).every(other => / -j NEXUS-/.test(other));
}

/** Input of `iptables-restore --noflush` that puts everything in place at once, whatever was there of ours. */
export function restoreScript(input: RuleInput, rules: Rules, there: Map<string, string[]>): string {
  const { forward, input: into } = input.chains;
  return [
    '*filter',
    `:${forward} - [0:0]`,
    `:${into} - [0:0]`,
    ...rules.forward,
    ...rules.input,
    ...ourJumps(input, there).map(line => line.replace('-A ', '-D ')),
    ...jumps(input, there).map(({ parent, rule }) => `-I ${parent} 1 ${rule}`),
    'COMMIT',
    '',
  ].join('\n');
}

/** Takes everything of ours away; undefined when nothing is there. */
export function removeScript(input: RuleInput, there: Map<string, string[]>): string | undefined {
  const chains = [input.chains.forward, input.chains.input].filter(chain => there.has(chain));
  if (chains.length === 0) return undefined;
  return [
    '*filter',
    ...ourJumps(input, there).map(line => line.replace('-A ', '-D ')),
    ...chains.map(chain => `-F ${chain}`),
    ...chains.map(chain => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n');
}

function ourJumps({ chains }: RuleInput, there: Map<string, string[]>): string[] {
  const targets = [chains.forward, chains.input];
  return [...there.values()].flat().filter(line => targets.some(chain => line.endsWith(` -j ${chain}`)));
}

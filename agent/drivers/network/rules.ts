/** What the packet filter must know of a node's network. */
export interface RuleInput {
  bridge: string;
  /** What the names of our chains begin with. */
  prefix: string;
  /** Where instances may ask for names, besides the internet: often an address of the node, or a link-local one. */
  nameServers: string[];
  /** TCP ports of the node that instances may reach. */
  hostPorts: readonly number[];
  /** Whether instances ask the node for their addresses. Defaults to false. */
  dhcp?: boolean;
  /** A chain that the engine calls before its own and keeps for others. Absent, or not there: FORWARD. */
  userChain?: string;
  /** Addresses of instances, as in `10.1.2.0/24`, where the engine leaves it to us to let them out. */
  subnet?: string;
}

export type Table = 'filter' | 'nat';

/** A chain of ours, in the form of iptables-restore, and what calls it. */
export interface Chain {
  name: string;
  rules: string[];
  /** Without the target. */
  call: { parent: string; match: string };
}

/** Chains of a table as iptables-save prints it, with the rules of each. */
export type Saved = Map<string, string[]>;

const ANSWERS = '-m conntrack --ctstate RELATED,ESTABLISHED';
/** Bridges of engines, ours among them: who is let out is not let in there. */
const BRIDGES = ['nexus+', 'docker+', 'br-+', 'podman+', 'lxdbr+', 'incusbr+'];

/**
 * IPv4. To other instances: never, neither straight nor by a published port of the node (those are translated, hence DNAT,
 * or served by a process of the engine on the node, hence INPUT). To link-local addresses, where clouds keep credentials:
 * never. To the node: answers and names alone. Everywhere else: as the engine sees fit, or out with a subnet, and then
 * nothing but answers gets in.
 */
export function filter4(input: RuleInput, there: Saved): Chain[] {
  const { bridge, prefix, nameServers, hostPorts, dhcp, subnet } = input;
  const servers = nameServers.flatMap(server =>
    ['udp', 'tcp'].map(protocol => `-d ${server}/32 -p ${protocol} --dport 53`),
  );
  const pass = subnet === undefined ? 'RETURN' : 'ACCEPT';
  const forward = [
    `${ANSWERS} -j ${pass}`,
    `-o ${bridge} -j DROP`,
    '-m conntrack --ctstate DNAT -j DROP',
    ...servers.map(server => `${server} -j ${pass}`),
    '-d 169.254.0.0/16 -j DROP',
    ...(subnet === undefined ? [] : [...BRIDGES.map(name => `-o ${name} -j DROP`), `-s ${subnet} -j ACCEPT`]),
  ];
  const into = [
    `${ANSWERS} -j ACCEPT`,
    ...servers.map(server => `${server} -j ACCEPT`),
    ...(dhcp ? ['-p udp --dport 67 -j ACCEPT'] : []),
    ...hostPorts.map(port => `-p tcp --dport ${port} -j ACCEPT`),
    '-j DROP',
  ];
  const parent = forwardParent(input, there);
  return [
    chain(`${prefix}-F`, forward, { parent, match: `-i ${bridge}` }),
    chain(`${prefix}-I`, into, { parent: 'INPUT', match: `-i ${bridge}` }),
    ...(subnet === undefined
      ? []
      : [chain(`${prefix}-O`, [`${ANSWERS} -j ACCEPT`, '-j DROP'], { parent, match: `-o ${bridge}` })]),
  ];
}

/** Instances use the node's address outside. */
export function nat4({ bridge, prefix, subnet }: RuleInput): Chain[] {
  if (subnet === undefined) return [];
  const call = { parent: 'POSTROUTING', match: `-s ${subnet} ! -o ${bridge}` };
  return [chain(`${prefix}-N`, ['-j MASQUERADE'], call)];
}

/** IPv6: the network has none, so all there could be is link-local talk to the neighbours and the node. */
export function filter6(input: RuleInput, there: Saved): Chain[] {
  const { bridge, prefix } = input;
  const match = `-i ${bridge}`;
  return [
    chain(`${prefix}-F`, ['-j DROP'], { parent: forwardParent(input, there), match }),
    chain(`${prefix}-I`, ['-j DROP'], { parent: 'INPUT', match }),
  ];
}

function chain(name: string, rules: string[], call: Chain['call']): Chain {
  return { name, rules: rules.map(rule => `-A ${name} ${rule}`), call };
}

function forwardParent({ userChain }: RuleInput, there: Saved): string {
  return userChain !== undefined && there.has(userChain) ? userChain : 'FORWARD';
}

/** What is in a table now, as iptables-save prints it, by chain. */
export function parseSaved(saved: string): Saved {
  const chains: Saved = new Map();
  for (const line of saved.split('\n')) {
    const name = /^:(\S+)/.exec(line)?.[1];
    if (name) chains.set(name, []);
    const rule = /^-A (\S+) /.exec(line)?.[1];
    if (rule) chains.get(rule)?.push(line);
  }
  return chains;
}

/**
 * Whether the rules are in force: as many as there should be (each iptables prints them in its own spelling), and called
 * before anything that is not ours could let a packet pass.
 */
export function isInForce(chains: readonly Chain[], there: Saved): boolean {
  return chains.every(chain => {
    const rules = there.get(chain.name);
    return (
      rules?.length === chain.rules.length && portsOf(rules) === portsOf(chain.rules) && isFirst(chain, there)
    );
  });
}

/** The ports that rules name, whatever their spelling. */
function portsOf(rules: string[]): string {
  return rules
    .flatMap(rule => /--dport (\d+)/.exec(rule)?.[1] ?? [])
    .sort()
    .join();
}

function isFirst({ name, call }: Chain, there: Saved): boolean {
  const called = there.get(call.parent) ?? [];
  const ours = called.indexOf(`-A ${call.parent} ${call.match} -j ${name}`);
  return ours >= 0 && called.slice(0, ours).every(other => / -j NEXUS-/.test(other));
}

/** Input of `iptables-restore --noflush` that puts everything in place at once, whatever was there of ours. */
export function restoreScript(table: Table, chains: readonly Chain[], there: Saved): string {
  const names = chains.map(({ name }) => name);
  return [
    `*${table}`,
    ...names.map(name => `:${name} - [0:0]`),
    ...chains.flatMap(({ rules }) => rules),
    ...callsOf(names, there).map(line => line.replace('-A ', '-D ')),
    ...chains.map(({ name, call }) => `-I ${call.parent} 1 ${call.match} -j ${name}`),
    'COMMIT',
    '',
  ].join('\n');
}

/** Takes everything of ours away; undefined when nothing is there. */
export function removeScript(table: Table, prefix: string, there: Saved): string | undefined {
  const names = [...there.keys()].filter(name => name.startsWith(`${prefix}-`));
  if (names.length === 0) return undefined;
  return [
    `*${table}`,
    ...callsOf(names, there).map(line => line.replace('-A ', '-D ')),
    ...names.map(name => `-F ${name}`),
    ...names.map(name => `-X ${name}`),
    'COMMIT',
    '',
  ].join('\n');
}

function callsOf(names: readonly string[], there: Saved): string[] {
  return [...there.values()].flat().filter(line => names.some(name => line.endsWith(` -j ${name}`)));
}

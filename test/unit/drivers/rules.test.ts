import t from 'tap';
import { cannotEnforce } from '../../../agent/drivers/network/firewall.ts';
import {
  filter4,
  filter6,
  isInForce,
  nat4,
  parseSaved,
  type RuleInput,
  removeScript,
  restoreScript,
} from '../../../agent/drivers/network/rules.ts';

const input: RuleInput = {
  bridge: 'nexus12345678',
  prefix: 'NEXUS-12345678',
  nameServers: ['169.254.169.254'],
  hostPorts: [9418],
  userChain: 'DOCKER-USER',
};

const DOCKER = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A DOCKER-USER -j RETURN
COMMIT
`;

/** What iptables would hold after a script of ours: enough of it to apply what we write. */
function apply(saved: string, script: string): string {
  const chains = parseSaved(saved);
  for (const line of script.split('\n')) {
    const [verb, chain = '', ...rest] = line.split(' ');
    if (line.startsWith(':')) chains.set(line.slice(1).split(' ')[0]!, []);
    if (verb === '-A') chains.get(chain)?.push(line);
    if (verb === '-I') chains.get(chain)?.unshift(`-A ${chain} ${rest.slice(1).join(' ')}`);
    if (verb === '-D')
      chains.set(
        chain,
        chains.get(chain)!.filter(rule => rule !== line.replace('-D', '-A')),
      );
    if (verb === '-F') chains.set(chain, []);
    if (verb === '-X') chains.delete(chain);
  }
  return [...chains].map(([name, rules]) => [`:${name} - [0:0]`, ...rules].join('\n')).join('\n');
}

const rulesOf = (name: string, chains: ReturnType<typeof filter4>) =>
  chains.find(chain => chain.name === name)?.rules ?? [];

/** `saved` with the rules for `rules` put in. */
function withRules(saved: string, rules = input): string {
  const there = parseSaved(saved);
  return apply(saved, restoreScript('filter', filter4(rules, there), there));
}

function holds(saved: string, rules = input): boolean {
  const there = parseSaved(saved);
  return isInForce(filter4(rules, there), there);
}

t.test('names may be asked for where clouds also keep credentials, and nothing else there', async t => {
  const forward = rulesOf('NEXUS-12345678-F', filter4(input, new Map()));
  const names = forward.findIndex(rule => rule.includes('169.254.169.254/32') && rule.includes('--dport 53'));
  const drop = forward.findIndex(rule => rule.includes('169.254.0.0/16') && rule.endsWith('DROP'));
  t.ok(names >= 0 && names < drop);
  t.ok(forward.findIndex(rule => rule.includes('-o nexus12345678 -j DROP')) < names);
  t.notMatch(forward.join(), 'ACCEPT', 'what else passes is for the engine to say');
});

t.test(
  'the node answers, is asked for names and for what it means for workspaces, and drops the rest',
  async t => {
    const rules = rulesOf('NEXUS-12345678-I', filter4(input, new Map()));
    t.equal(rules.at(-1), '-A NEXUS-12345678-I -j DROP');
    t.ok(rules.includes('-A NEXUS-12345678-I -p tcp --dport 9418 -j ACCEPT'));
    t.same(
      filter6(input, new Map()).flatMap(({ rules }) => rules),
      ['-A NEXUS-12345678-F -j DROP', '-A NEXUS-12345678-I -j DROP'],
    );
  },
);

t.test('rules are put before all others, once, and taken away without a trace', async t => {
  t.equal(holds(DOCKER), false);
  const applied = withRules(DOCKER);
  t.equal(holds(applied), true);
  t.match(parseSaved(applied).get('DOCKER-USER')?.[0], /-i nexus12345678 -j NEXUS-12345678-F$/);
  t.same(parseSaved(withRules(applied)), parseSaved(applied));
  const removed = apply(applied, removeScript('filter', input.prefix, parseSaved(applied))!);
  t.same(parseSaved(removed), parseSaved(DOCKER));
  t.equal(removeScript('filter', input.prefix, parseSaved(removed)), undefined);
});

t.test(
  'rules are not in force when something lets packets pass before them, a rule is gone or a port differs',
  async t => {
    const applied = withRules(DOCKER);
    const before = applied.replace(':INPUT - [0:0]\n', ':INPUT - [0:0]\n-A INPUT -j ACCEPT\n');
    t.equal(holds(before), false);
    const other = applied.replace(':INPUT - [0:0]\n', ':INPUT - [0:0]\n-A INPUT -i x -j NEXUS-87654321-I\n');
    t.equal(holds(other), true, 'those of another node do not matter');
    t.equal(holds(applied.replace('-A NEXUS-12345678-I -j DROP', '')), false);
    t.equal(holds(applied, { ...input, hostPorts: [80] }), false);
  },
);

t.test('without an engine that keeps a place for us, the forward chain itself is used', async t => {
  const applied = withRules(':INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n');
  t.equal(parseSaved(applied).get('FORWARD')?.length, 1);
});

t.test('where the engine leaves it to us, instances get out, and nowhere else and nobody in', async t => {
  const lxc: RuleInput = { ...input, userChain: undefined, dhcp: true, subnet: '10.1.2.0/24' };
  const applied = withRules(DOCKER, lxc);
  t.equal(holds(applied, lxc), true);
  const chains = parseSaved(applied);
  t.ok(chains.get('NEXUS-12345678-I')?.includes('-A NEXUS-12345678-I -p udp --dport 67 -j ACCEPT'));
  t.match(chains.get('FORWARD'), [
    /-o nexus12345678 -j NEXUS-12345678-O$/,
    /-j NEXUS-12345678-F$/,
    /DOCKER-USER/,
  ]);
  t.same(chains.get('NEXUS-12345678-O'), [
    '-A NEXUS-12345678-O -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A NEXUS-12345678-O -j DROP',
  ]);
  const forward = chains.get('NEXUS-12345678-F') ?? [];
  t.equal(forward.at(-1), '-A NEXUS-12345678-F -s 10.1.2.0/24 -j ACCEPT');
  for (const bridge of ['docker+', 'br-+', 'nexus+'])
    t.ok(forward.includes(`-A NEXUS-12345678-F -o ${bridge} -j DROP`), 'not into networks of other engines');

  const nat = '*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n';
  const masked = apply(nat, restoreScript('nat', nat4(lxc), parseSaved(nat)));
  t.equal(isInForce(nat4(lxc), parseSaved(masked)), true);
  t.same(
    parseSaved(apply(masked, removeScript('nat', lxc.prefix, parseSaved(masked))!)),
    parseSaved(nat),
    'and nothing stays',
  );
  t.same(nat4(input), []);
});

t.test('where the packet filter is out of reach, the reason is told', async t => {
  const engine = { rootless: false, local: true };
  t.equal(cannotEnforce(engine, 0), undefined);
  t.match(cannotEnforce(engine, 1000), /root/);
  t.match(cannotEnforce({ ...engine, rootless: true }, 0), /without root/);
  t.match(cannotEnforce({ ...engine, local: false }, 0), /another machine/);
});

import t from 'tap';
import { cannotEnforce } from '../../../agent/drivers/network/firewall.ts';
import {
  isInForce,
  parseSaved,
  type RuleInput,
  removeScript,
  restoreScript,
  rules4,
  rules6,
} from '../../../agent/drivers/network/rules.ts';

const input: RuleInput = {
  bridge: 'nexus12345678',
  chains: { forward: 'NEXUS-12345678-F', input: 'NEXUS-12345678-I' },
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

t.test('names may be asked for where clouds also keep credentials, and nothing else there', async t => {
  const { forward } = rules4(input);
  const names = forward.findIndex(rule => rule.includes('169.254.169.254/32') && rule.includes('--dport 53'));
  const drop = forward.findIndex(rule => rule.includes('169.254.0.0/16') && rule.endsWith('DROP'));
  t.ok(names >= 0 && names < drop);
  t.ok(forward.findIndex(rule => rule.includes('-o nexus12345678 -j DROP')) < names);
});

t.test(
  'the node answers, is asked for names and for what it means for workspaces, and drops the rest',
  async t => {
    const { input: rules } = rules4(input);
    t.equal(rules.at(-1), '-A NEXUS-12345678-I -j DROP');
    t.ok(rules.includes('-A NEXUS-12345678-I -p tcp --dport 9418 -j ACCEPT'));
    t.same(rules6(input), {
      forward: ['-A NEXUS-12345678-F -j DROP'],
      input: ['-A NEXUS-12345678-I -j DROP'],
    });
  },
);

t.test('rules are put before all others, once, and taken away without a trace', async t => {
  const rules = rules4(input);
  t.equal(isInForce(input, rules, parseSaved(DOCKER)), false);
  const applied = apply(DOCKER, restoreScript(input, rules, parseSaved(DOCKER)));
  t.equal(isInForce(input, rules, parseSaved(applied)), true);
  t.match(parseSaved(applied).get('DOCKER-USER')?.[0], /-i nexus12345678 -j NEXUS-12345678-F$/);
  const again = apply(applied, restoreScript(input, rules, parseSaved(applied)));
  t.same(parseSaved(again), parseSaved(applied));
  const removed = apply(applied, removeScript(input, parseSaved(applied))!);
  t.same(parseSaved(removed), parseSaved(DOCKER));
  t.equal(removeScript(input, parseSaved(removed)), undefined);
});

t.test(
  'rules are not in force when something lets packets pass before them, a rule is gone or a port differs',
  async t => {
    const rules = rules4(input);
    const applied = apply(DOCKER, restoreScript(input, rules, parseSaved(DOCKER)));
    const before = applied.replace(':INPUT - [0:0]\n', ':INPUT - [0:0]\n-A INPUT -j ACCEPT\n');
    t.equal(isInForce(input, rules, parseSaved(before)), false);
    const other = applied.replace(':INPUT - [0:0]\n', ':INPUT - [0:0]\n-A INPUT -i x -j NEXUS-87654321-I\n');
    t.equal(isInForce(input, rules, parseSaved(other)), true, 'those of another node do not matter');
    t.equal(isInForce(input, rules, parseSaved(applied.replace('-A NEXUS-12345678-I -j DROP', ''))), false);
    t.equal(
      isInForce({ ...input, hostPorts: [80] }, rules4({ ...input, hostPorts: [80] }), parseSaved(applied)),
      false,
    );
  },
);

t.test('without an engine that keeps a place for us, the forward chain itself is used', async t => {
  const saved = ':INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n';
  const applied = apply(saved, restoreScript(input, rules4(input), parseSaved(saved)));
  t.equal(parseSaved(applied).get('FORWARD')?.length, 1);
});

t.test('an engine that lets packets pass in the forward chain itself is preceded there', async t => {
  const lxc: RuleInput = { ...input, userChain: undefined, dhcp: true };
  const rules = rules4(lxc);
  t.ok(rules.input.includes('-A NEXUS-12345678-I -p udp --dport 67 -j ACCEPT'), 'addresses may be asked for');
  const saved = DOCKER.replace(
    '-A FORWARD -j DOCKER-USER',
    '-A FORWARD -i nexus12345678 -j ACCEPT\n-A FORWARD -j DOCKER-USER',
  );
  const applied = apply(saved, restoreScript(lxc, rules, parseSaved(saved)));
  t.match(parseSaved(applied).get('FORWARD')?.[0], /-i nexus12345678 -j NEXUS-12345678-F$/);
  t.equal(isInForce(lxc, rules, parseSaved(applied)), true);
});

t.test('where the packet filter is out of reach, the reason is told', async t => {
  const engine = { rootless: false, local: true };
  t.equal(cannotEnforce(engine, 0), undefined);
  t.match(cannotEnforce(engine, 1000), /root/);
  t.match(cannotEnforce({ ...engine, rootless: true }, 0), /without root/);
  t.match(cannotEnforce({ ...engine, local: false }, 0), /another machine/);
});

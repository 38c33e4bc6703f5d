import fc from 'fast-check';
import t from 'tap';
import {
  chooseAddress,
  chooseSubnet,
  parseSubnet,
  subnetsOfRoutes,
} from '../../../agent/drivers/lxc/subnet.ts';

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
vpn	0000000A	00000000	0001	0	0	0	000000FE	0	0	0
host	0500000A	00000000	0001	0	0	0	FFFFFFFF	0	0	0
`;

t.test('a node has the same network each time, apart from all that is taken', async t => {
  const first = chooseSubnet('n1', [])!;
  t.match(first, { gateway: /^10\.\d+\.\d+\.1$/, bits: 24 });
  t.same(chooseSubnet('n1', []), first);
  t.notSame(chooseSubnet('n1', [first]), first);
  t.notSame(chooseSubnet('n1', [{ gateway: first.gateway.replace(/\.1$/, '.200'), bits: 30 }]), first);
  t.notSame(chooseSubnet('n2', []), first);
  t.equal(chooseSubnet('n1', [{ gateway: '10.0.0.1', bits: 8 }]), undefined);
});

t.test('routes are read, the way out of everything else left out', async t => {
  t.same(subnetsOfRoutes(ROUTES), [
    { gateway: '172.17.0.0', bits: 16 },
    { gateway: '10.0.0.0', bits: 7 },
    { gateway: '10.0.0.5', bits: 32 },
  ]);
  t.same(subnetsOfRoutes(''), []);
});

t.test('addresses are the lowest ones that are free, until there is none', async t => {
  const subnet = parseSubnet('10.1.2.1/29')!;
  const taken = new Set<string>();
  const given: (string | undefined)[] = [];
  for (let i = 0; i < 6; i++) {
    const address = chooseAddress(subnet, taken);
    given.push(address);
    if (address) taken.add(address);
  }
  t.same(given, ['10.1.2.2', '10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6', undefined]);
  t.equal(chooseAddress({ gateway: '10.1.2.3', bits: 29 }, new Set(['10.1.2.2'])), '10.1.2.4');
  for (const text of [undefined, 'none', 'fd00::1/64', '10.1.2.1']) t.equal(parseSubnet(text), undefined);
});

t.test('an address is in its network and nobody else has it', async () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(byte, byte, fc.uniqueArray(fc.integer({ min: 2, max: 254 })), (a, b, used) => {
      const prefix = `10.${a}.${b}.`;
      const taken = new Set(used.map(last => prefix + last));
      const address = chooseAddress({ gateway: `${prefix}1`, bits: 24 }, taken);
      if (address === undefined) return taken.size === 253;
      return address.startsWith(prefix) && !taken.has(address);
    }),
  );
});

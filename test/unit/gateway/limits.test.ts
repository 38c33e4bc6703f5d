import t from 'tap';
import {
  addressOf,
  DEFAULT_GATEWAY_LIMITS,
  Limiter,
  type Ticket,
} from '../../../controller/gateway/limits.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setup(limits: Partial<typeof DEFAULT_GATEWAY_LIMITS>) {
  const clock = new FakeClock();
  const limiter = new Limiter({ ...DEFAULT_GATEWAY_LIMITS, ...limits }, clock);
  const evicted: string[] = [];
  const enter = (address: string): Ticket | string => {
    const ticket = limiter.enter(address, () => {
      evicted.push(address);
      if (typeof ticket !== 'string') ticket.release();
    });
    return ticket;
  };
  const open = (address: string) => {
    const ticket = enter(address);
    if (typeof ticket === 'string') throw new Error(ticket);
    return ticket;
  };
  return { clock, limiter, evicted, enter, open };
}

t.test('so many in all, and so many from one address, until some of them go', async t => {
  const { enter, open } = setup({ maxConnections: 3, maxPerAddress: 2 });
  const first = open('a');
  first.admit();
  open('a').admit();
  t.equal(enter('a'), 'TooManyFromAddress');
  open('b').admit();
  t.equal(enter('c'), 'TooManyConnections');
  first.release();
  first.release();
  open('c').admit();
  t.equal(enter('d'), 'TooManyConnections', 'one that is released twice counts once');
});

t.test(
  'who has not logged in makes room for who comes later; one address has half of the places',
  async t => {
    const { limiter, evicted, enter, open } = setup({ maxPending: 4 });
    open('flood');
    open('flood');
    t.equal(enter('flood'), 'TooManyPending');
    open('b');
    const logged = open('c');
    logged.admit();
    open('d');
    t.same(evicted, []);
    open('e');
    t.same(evicted, ['flood'], 'the oldest goes');
    open('f');
    t.same(evicted, ['flood', 'flood']);
    t.equal(limiter.pending, 4);
  },
);

t.test('who fails too often has to wait, alone', async t => {
  const { clock, enter, open } = setup({ maxFailures: 3, forgiveMs: 10_000 });
  const fail = (address: string) => {
    const ticket = open(address);
    ticket.fail();
    ticket.release();
  };
  for (let i = 0; i < 3; i++) fail('bad');
  t.type(enter('bad'), 'object', 'so far nothing happens');
  fail('bad');
  t.equal(enter('bad'), 'TooManyFailures');
  t.type(enter('good'), 'object');
  await clock.advance(9_999);
  t.equal(enter('bad'), 'TooManyFailures');
  await clock.advance(1);
  fail('bad');
  t.type(enter('bad'), 'object', 'one more was forgiven');
  fail('bad');
  t.equal(enter('bad'), 'TooManyFailures');
  clock.set(clock.now() + 86_400_000);
  t.equal(enter('bad'), 'TooManyFailures', 'a clock that somebody set changes nothing');
});

t.test('failures of many addresses are remembered up to a bound', async t => {
  const { open, enter } = setup({ maxFailures: 1, forgiveMs: 1e9 });
  for (let i = 0; i < 30_000; i++) {
    const ticket = open(`a${i}`);
    ticket.fail();
    ticket.fail();
    ticket.release();
  }
  t.equal(enter('a29999'), 'TooManyFailures');
  t.type(enter('a0'), 'object');
});

t.test('addresses are told apart as their owners are', async t => {
  for (const [remoteAddress, address] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, 'gone'],
  ] as const)
    t.equal(addressOf({ remoteAddress }), address);
});

import t from 'tap';
import { type Candidate, detectDrivers } from '../../../agent/detect-drivers.ts';
import { type Driver, DriverError } from '../../../agent/driver.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

type Answer = 'yes' | 'no' | 'never';

t.test('what runs workspaces here when nobody says', async t => {
  const socket = `${t.testdir({ socket: '' })}/socket`;
  const clock = new FakeClock();
  let closed = 0;
  const candidate = (name: Candidate['name'], answer: Answer, socketPath = socket): Candidate => ({
    name,
    socketPath,
    async make(): Promise<Driver> {
      const driver = createMemoryDriver({ node: 'n' });
      const list = {
        yes: driver.list,
        no: () => Promise.reject(new DriverError('EngineUnavailable', 'down')),
        never: () => new Promise<never>(() => {}),
      }[answer];
      return { ...driver, list, close: async () => void closed++ };
    },
  });
  const detect = async (docker: Answer, lxc: Answer, placed: string[] = []) => {
    const found = detectDrivers([candidate('docker', docker), candidate('lxc', lxc)], placed, clock);
    await settle();
    await clock.advance(10_000);
    return found;
  };

  t.same(await detect('yes', 'yes'), ['docker', 'lxc'], 'all that answer');
  t.same(await detect('no', 'yes'), ['lxc']);
  t.same(await detect('yes', 'never'), ['docker'], 'one that takes a call and is silent does not');
  t.equal(closed, 6, 'nothing is left open');
  t.same(await detect('no', 'no'), ['docker'], 'one at least, so that somebody is told what is missing');
  t.same(await detect('yes', 'no', ['lxc']), ['docker', 'lxc'], 'and what workspaces were placed on');
  const absent = candidate('lxc', 'yes', '/nonexistent');
  t.same(await detectDrivers([candidate('docker', 'yes'), absent], [], clock), ['docker']);
});

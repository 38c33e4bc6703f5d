import t from 'tap';
import { createMemoryDriver } from '../../agent/drivers/memory/memory-driver.ts';
import { CLONE_EXIT, type GuestState } from '../../agent/guest/guest.ts';
import { createMemoryGuest } from '../../agent/guest/memory-guest.ts';
import { guestTmpfs } from '../../agent/guest/program.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { specs } from './driver.ts';
import { guestConformance } from './guest.ts';

guestConformance(
  t,
  async () => {
    const clock = new FakeClock();
    const driver = createMemoryDriver({ node: 'a', clock });
    const urls = { open: 'https://git.example/a.git', unreachable: 'https://absent.example/a.git' };
    const guest = createMemoryGuest({
      driver,
      clock,
      outcomes: {
        clone({ url, ref }) {
          if (url === urls.unreachable) return { afterMs: 10, exitCode: CLONE_EXIT.unreachable };
          if (ref === 'absent') return { afterMs: 10, exitCode: CLONE_EXIT.refNotFound };
          return { afterMs: 10 };
        },
      },
    });
    const { id: imageId = '' } = (await driver.ensureImage('debian:12')) ?? {};
    const { id } = await driver.create({
      ...specs('a', imageId)('guest'),
      tmpfs: guestTmpfs(),
      files: guest.render({ user: 'dev', authorizedKeys: [], hostKey: '', env: {}, services: [] }).boot,
    });
    await driver.start(id);
    return {
      guest,
      id,
      urls,
      async until(fits: (state: GuestState) => boolean) {
        for (let passed = 0; passed < 120_000; passed += 10) {
          await settle(1);
          const state = await guest.state(id);
          if (fits(state)) return state;
          await clock.advance(10);
        }
        throw new Error('no state fitted within two minutes');
      },
      stop: () => driver.stop(id, 1),
      start: () => driver.start(id),
      async kill(what) {
        if (what === 'sshd') guest.killSshd(id);
        else if (what === 'supervisor') guest.killSupervisor(id);
        else guest.killService(id, what.service);
      },
      edit: async (path, content) => guest.edit(id, path, content),
      async putInHome(path, content) {
        const home = driver.engine.instances.get(id)?.spec.volume.mountPath;
        await driver.putFiles(id, [{ path: `${home}/${path}`, content, mode: 0o644 }]);
      },
    };
  },
  'no key\n',
);

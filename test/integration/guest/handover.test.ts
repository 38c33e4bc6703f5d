import t from 'tap';
import { openLab } from './lab.ts';

t.test(
  'what is handed over with the start takes the place of configure, and no restart repeats it',
  async t => {
    const lab = await openLab(t);
    if (!lab) return;
    const { guest, id, config, node } = lab;
    const input = guest.handover?.(config) ?? '';
    await node.driver.stop(id, 5);
    t.same(await node.driver.start(id, { input }), { inputTaken: true });
    await lab.until(state => state.configured && state.sshd.running && state.sshd.restarts === 0);
    t.same(await node.driver.start(id, { input }), { inputTaken: false }, 'it runs already');
    const said = await lab.sh('cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" " "');
    t.notMatch(said.stdout, /OPENSSH PRIVATE KEY/);

    await node.driver.stop(id, 5);
    await node.driver.start(id);
    t.match(await guest.state(id), { configured: false });
    await lab.configure();
    t.match(await guest.state(id), { configured: true, sshd: { running: true } });
    const left = await lab.sh('grep -lz "^handover$" /proc/[0-9]*/cmdline; cat /run/nexus/handover.pid');
    t.equal(left.stdout.trim(), '', 'nobody waits for it any more');
  },
);

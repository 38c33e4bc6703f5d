import t from 'tap';
import { guestCommand, guestTmpfs } from '../../../agent/guest/program.ts';
import { openLab } from './lab.ts';

t.setTimeout(300_000);

t.test(
  'what is handed over with the start takes the place of configure, and no restart repeats it',
  async t => {
    const lab = await openLab(t);
    if (!lab) return;
    const { guest, id, config, node } = lab;
    const input = guest.handover?.(config, false) ?? '';
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
    t.equal((await lab.sh('cat /run/nexus/handover.pid')).stdout, '', 'nobody waits for it any more');
  },
);

t.test('an instance made without the program takes it from the start, once', async t => {
  const lab = await openLab(t, { program: 'handover' });
  if (!lab) return;
  const { guest, id, config, node } = lab;
  const state = await lab.until(
    ({ configured, sshd, supervisor }) => configured && sshd.running && supervisor.running,
  );
  const managed = [...config.boot, ...config.runtime, ...config.keys].map(({ path }) => path);
  t.strictSame(Object.keys(state.files).sort(), managed.sort());
  t.match(state, { sshd: { restarts: 0 }, supervisor: { running: true, restarts: 0 } });
  const login = await lab.ssh([
    'ssh',
    '-p',
    String(lab.port),
    'dev@127.0.0.1',
    'stat -c %U .bashrc . | uniq',
  ]);
  t.equal(login.stdout, 'dev\n');
  const modes = `stat -c '%U %a %n' ${managed.join(' ')} | sort -k3`;
  const before = (await lab.sh(modes)).stdout;
  await guest.configure(id, config);
  const { at, ...after } = await guest.state(id);
  t.strictSame({ ...after, at: state.at }, state, 'nothing is left for configure to do');
  t.ok((at ?? 0) > (state.at ?? at ?? 0), 'the order of looks is told');
  const left = await lab.sh('ls -A /run/nexus; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr "\\0" " "');
  t.notMatch(left.stdout, /OPENSSH PRIVATE KEY|^boot$|^handed$/m);

  await node.driver.stop(id, 5);
  await node.driver.start(id);
  t.match(await guest.state(id), { configured: false });
  await lab.configure();
  t.match(await guest.state(id), { configured: true, sshd: { running: true } });
  t.equal((await lab.sh(modes)).stdout, before);
});

t.test('an instance whose start brought nothing, or half of it, is configured by command', async t => {
  const lab = await openLab(t, { program: 'none' });
  if (!lab) return;
  const { guest, id, config, node } = lab;
  t.match(await guest.state(id), { configured: false, sshd: { running: false } });
  await lab.configure();
  await lab.until(({ configured, sshd, supervisor }) => configured && sshd.running && supervisor.running);

  await node.driver.stop(id, 5);
  await lab.node.docker.getContainer(id).remove({ force: true });
  const { id: other } = await node.driver.create({
    ...node.spec('half'),
    command: guestCommand(),
    tmpfs: guestTmpfs(),
  });
  const input = guest.handover?.(config, true) ?? '';
  await node.driver.start(other, { input: `${input.slice(0, -1000)}\n` });
  await guest.configure(other, config);
  t.match(await guest.state(other), { configured: true, supervisor: { running: true } });
});

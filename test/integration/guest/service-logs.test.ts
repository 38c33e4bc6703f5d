import t from 'tap';
import { until } from '../../support/until.ts';
import { openLab, service } from './lab.ts';

const services = [
  service('loud', 'head -c 12000000 /dev/zero | tr "\\0" x; echo; echo end; exec sleep 1005'),
  service(
    'lines',
    'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); echo "line number $i of many that are written"; done; exec sleep 1006',
  ),
];

t.setTimeout(300_000);

const lab = await openLab(t, { desired: { env: { A: 'from all', B: 'hidden' }, services } });
if (lab) {
  const { guest, id } = lab;
  await lab.configure();
  const up = (name: string) => guest.serviceUp(id, name, lab.config.services[name]!);
  const log = async (name: string) => (await lab.sh(`cat /var/log/nexus/${name}.log`)).stdout;

  t.test('logs are bounded, huge lines included, and lose only the old', async t => {
    await up('loud');
    const finished = async (name: string, line: string) => {
      for (let i = 0; i < 200; i++)
        if ((await lab.sh(`tail -n1 /var/log/nexus/${name}.log | grep -q '${line}'`)).code === 0) return;
      t.fail(`${name} never wrote ${line}`);
    };
    await finished('loud', '^end$');
    const size = async (file: string) => Number((await lab.sh(`stat -c %s /var/log/nexus/${file}`)).stdout);
    for (const file of ['loud.log', 'loud.log.1']) t.ok((await size(file)) <= 5 * 1024 * 1024, file);
    t.ok((await size('loud.log')) + (await size('loud.log.1')) > 5 * 1024 * 1024 - 70_000);

    await up('lines');
    await finished('lines', '^line number 300000 ');
    const kept = await lab.sh(`cd /var/log/nexus && cat lines.log.1 lines.log | sed 1d |
      awk '{ if (n && $3 != n + 1) bad++; n = $3; count++ } END { print bad + 0, (count > 100000) }'`);
    t.equal(kept.stdout.trim(), '0 1', 'no line is missing or broken');
    await guest.serviceRemove(id, 'loud');
    await guest.serviceRemove(id, 'lines');
    t.ok((await size('lines.log')) > 0, 'logs stay');
  });

  t.test('when no process can be made, the container and what runs in it live on', async t => {
    const before = await guest.state(id);
    const processes = async () => {
      const { Processes: rows } = await lab.node.docker.getContainer(id).top();
      return rows.map((row: string[]) => row.join(' ')).join('\n');
    };
    await lab.node.driver.update(id, { pids: 5 });
    await until(async () => !(await processes()).includes('guest supervise'), {
      timeoutMs: 10_000,
      what: () => 'the supervisor to end for want of processes',
    });
    await lab.node.driver.update(id, { pids: 500 });
    const after = await lab.until(state => state.supervisor.running);
    t.equal(after.bootId, before.bootId);
    t.strictSame(after.services, before.services);
    t.strictSame(after.sshd, before.sshd);
  });

  t.test(
    'a stopped container ends its services first and starts with none, waiting for the agent',
    async t => {
      const graceful = service(
        'graceful',
        `trap 'echo stopped; exit 0' TERM; echo ready; while :; do sleep 0.1; done`,
      );
      const { services } = guest.render({ ...lab.desired, services: [graceful] });
      await guest.serviceUp(id, 'graceful', services.graceful!);
      for (let i = 0; i < 50 && !(await log('graceful')).includes('ready'); i++);
      const { bootId } = await guest.state(id);
      await lab.node.driver.stop(id, 20);
      await lab.node.driver.start(id);
      t.match(await log('graceful'), /stopped/);
      const state = await guest.state(id);
      t.not(state.bootId, bootId);
      t.match(state, { configured: false, services: [], jobs: {} });
      await lab.configure();
      t.equal((await lab.ssh(['ssh', '-p', String(lab.port), 'dev@127.0.0.1', 'echo in'])).stdout, 'in\n');
    },
  );
}

import t from 'tap';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';

t.test('a new generation is not called Ready before what it asks for was done', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  node.start();
  await lab.place('shop', {});
  await lab.ready('shop');
  node.engine.delay('update', 1_000);
  await lab.edit('shop', spec => {
    spec.resources = { cpuMillis: 500, pids: 512 };
  });
  await lab.ready('shop');
  t.match(node.instance('shop').limits, { cpuMillis: 500, pids: 512 });
});

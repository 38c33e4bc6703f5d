import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { dockerNode } from '../../support/docker-node.ts';
import { noTestEngine } from '../../support/engine.ts';
import { isolationSuite } from './isolation.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : await noTestEngine();

t.test('workspaces of a node with Docker', { skip }, async t => {
  const at = await dockerNode(t);
  await isolationSuite(t, at);
  await t.test('the node acknowledges at once what they send', async t => {
    await at.driver.create(at.spec('prompt'));
    const routes = await promisify(execFile)('ip', ['-json', 'route', 'show', 'dev', at.bridge]);
    t.match(JSON.parse(routes.stdout), [{ scope: 'link', metrics: [{ quickack: 1 }] }]);
  });
});

import t from 'tap';
import { dockerNode } from '../../support/docker-node.ts';
import { noTestEngine } from '../../support/engine.ts';
import { isolationSuite } from './isolation.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : await noTestEngine();

t.test('workspaces of a node with Docker', { skip }, async t => isolationSuite(t, await dockerNode(t)));

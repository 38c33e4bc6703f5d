import t from 'tap';
import { dockerNode } from '../support/docker-node.ts';
import { noTestEngine } from '../support/engine.ts';
import { guestInEngine } from './guest-in-engine.ts';

t.setTimeout(300_000);

const skip = await noTestEngine();
if (skip) t.test('the guest in Docker', { skip }, async () => {});
else guestInEngine(t, t => dockerNode(t));

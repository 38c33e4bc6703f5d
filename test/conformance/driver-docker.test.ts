import t from 'tap';
import { findTestEngine } from '../support/engine.ts';
import { dockerConformance } from './docker-engine.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);
const engine = await findTestEngine();
if ('problem' in engine) t.test('a driver of Docker', { skip: engine.problem }, async () => {});
else dockerConformance(t, engine);

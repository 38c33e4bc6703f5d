import t from 'tap';
import { noPodman, startPodman } from '../support/podman.ts';
import { dockerConformance } from './docker-engine.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);
const skip = await noPodman();
if (skip) t.test('a driver of Podman', { skip }, async () => {});
else dockerConformance(t, await startPodman(t));

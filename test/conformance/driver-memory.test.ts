import t from 'tap';
import { createMemoryDriver } from '../../agent/drivers/memory/memory-driver.ts';
import { MemoryEngine } from '../../agent/drivers/memory/memory-engine.ts';
import { driverConformance } from './driver.ts';

driverConformance(t, async () => {
  const engine = new MemoryEngine();
  return {
    driver: createMemoryDriver({ node: 'a', engine }),
    other: createMemoryDriver({ node: 'b', engine }),
    node: 'a',
    otherNode: 'b',
    image: 'debian:12',
    ports: [2222, 2223],
  };
});

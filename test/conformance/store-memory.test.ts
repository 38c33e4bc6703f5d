import t from 'tap';
import { createMemoryStore } from '../../controller/store/memory.ts';
import { storeConformance } from './store.ts';

storeConformance(t, async (t, options) => {
  const store = createMemoryStore(options);
  t.teardown(() => store.close());
  return store;
});

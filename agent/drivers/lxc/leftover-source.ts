import type { LeftoverSource } from '../leftovers.ts';
import type { LxcContext } from './context.ts';
import { listInstances, removeInstance } from './instances.ts';
import { KEY } from './names.ts';

/** Half-made instances of a node, and those that look into images. */
export function lxcLeftovers(context: LxcContext): LeftoverSource {
  const of = async (key: string) =>
    (await listInstances(context)).filter(({ config }) => config[key] === context.node);
  return {
    unfinished: async () =>
      (await of(KEY.unfinished)).map(({ name, config }) => ({ id: name, name: config[KEY.name] ?? name })),
    helpers: async () =>
      (await of(KEY.helper)).map(({ name, created_at: at }) => ({ id: name, createdMs: Date.parse(at) })),
    remove: name => removeInstance(context, name),
  };
}

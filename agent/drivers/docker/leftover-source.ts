import type { LeftoverSource } from '../leftovers.ts';
import { listOurs, removeContainer } from './containers.ts';
import { type DockerContext, LABEL_HELPER, UNFINISHED_SUFFIX } from './context.ts';
import { engineCall } from './errors.ts';

/** Half-made containers of a node, and those that look into images. */
export function dockerLeftovers(context: DockerContext): LeftoverSource {
  const { docker, node } = context;
  return {
    async unfinished() {
      const ours = await listOurs(context);
      return ours
        .filter(({ name }) => name.endsWith(UNFINISHED_SUFFIX))
        .map(({ id, name }) => ({ id, name: name.slice(0, -UNFINISHED_SUFFIX.length) }));
    },
    async helpers() {
      const helpers = await engineCall('list helpers', () =>
        docker.listContainers({ all: true, filters: { label: [`${LABEL_HELPER}=${node}`] } }),
      );
      return helpers.map(({ Id, Created }) => ({ id: Id, createdMs: Created * 1000 }));
    },
    remove: id => removeContainer(docker, id),
  };
}

import type { Condition } from '../../crds/object.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { NEEDS_CHANGE } from '../../crds/vocabulary.ts';

/** What keeps a workspace that is to run from becoming ready until somebody changes something; undefined: nothing. */
export function needsChange({ metadata, spec, status }: Workspace): Condition | undefined {
  if (spec.running === false || status?.observedGeneration !== metadata.generation) return undefined;
  const conditions = status?.conditions as Condition[] | undefined;
  return conditions?.find(
    ({ type, status: holds, reason }) => holds === 'False' && type !== 'Ready' && NEEDS_CHANGE.has(reason),
  );
}

import type { Workspace } from '../../../crds/types.generated.ts';
import { describeUnfit } from './decide-placement.ts';
import type { WorkspaceEnvironment } from './pass.ts';
import { imageFor, type Problem } from './requests.ts';
import { schedule } from './schedule.ts';

/** Why no node could take a workspace that must leave its own; undefined: one could. Its own is none, or it would stay. */
export function whyNoHome(
  { ledger, defaultImage }: Pick<WorkspaceEnvironment, 'ledger' | 'defaultImage'>,
  { spec, metadata }: Workspace,
): Problem | undefined {
  const scheduled = schedule(spec, ledger.candidates(metadata.namespace), imageFor(spec, defaultImage));
  return 'message' in scheduled ? describeUnfit(scheduled) : undefined;
}

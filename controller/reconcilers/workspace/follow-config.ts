import { WORKSPACE } from '../../../crds/kinds.ts';
import { ANNOTATION_SYNC_CONFIG } from '../../../crds/names.ts';
import type { Reason } from '../../../crds/vocabulary.ts';
import { isApiError } from '../../kit/errors.ts';
import { keyOf } from '../../kit/paths.ts';
import { viewConfig } from './config-view.ts';
import type { Step } from './pass.ts';

/** Under which the controller writes what a user's mandate lets it write of a spec, and nothing else. */
export const CONFIG_FIELD_MANAGER = 'nexus-repo-config';

/**
 * Writes of the spec what the file says, where its user has said so: for good with spec.repo.followConfig, once with the
 * annotation that `nexus workspace sync` sets.
 */
export const followConfig: Step = async (pass, { client, own, recorder, configs }) => {
  const before = pass.workspace;
  pass.config = viewConfig(before, pass.placement, configs);
  const { drift, digest } = pass.config ?? {};
  const isAsked = digest !== undefined && before.metadata.annotations?.[ANNOTATION_SYNC_CONFIG] === digest;
  const isWanted = (before.spec.repo?.followConfig === true && (drift?.fields.length ?? 0) > 0) || isAsked;
  if (!drift || !isWanted) return undefined;
  const { uid, resourceVersion } = before.metadata;
  const metadata = {
    uid,
    resourceVersion,
    ...(isAsked && { annotations: { [ANNOTATION_SYNC_CONFIG]: null } }),
  };
  try {
    const after = await client.patch(
      WORKSPACE,
      keyOf(before),
      'merge',
      { metadata, spec: drift.patch },
      {
        fieldManager: CONFIG_FIELD_MANAGER,
        signal: pass.context.signal,
      },
    );
    own.workspaces.wrote(before, after);
    pass.workspace = after;
    pass.config = viewConfig(after, pass.placement, configs);
    if (drift.told)
      recorder.event(
        after,
        'Normal',
        'ConfigApplied' satisfies Reason,
        `As .nexus/config.yaml says: ${drift.told}.`,
      );
  } catch (error) {
    // What the file asks for together with the rest of the spec is refused: nothing of it is carried out.
    if (!isApiError(error, 'Invalid', 'BadRequest')) throw error;
    pass.config = { digest: digest ?? '', kept: pass.config?.kept ?? [], problem: error.message };
  }
  return undefined;
};

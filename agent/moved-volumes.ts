import { timestamp } from '../controller/kit/clock.ts';
import { LABEL_PLACEMENT, LABEL_WORKSPACE_UID } from '../crds/names.ts';
import type { AgentContext } from './agent-context.ts';

type Context = Pick<AgentContext, 'checkpoint' | 'clock' | 'keepMovedVolumesMs' | 'log'>;
type Labels = Record<string, string>;

/**
 * The workspace runs elsewhere by now, without its files, as its spec allows. What it left is still kept for a while: it may
 * hold what somebody forgot to push.
 */
export async function leaveVolume(context: Context, placement: string, workspaceUid: string): Promise<void> {
  const { checkpoint, clock, keepMovedVolumesMs } = context;
  if (checkpoint.movedUntil(placement, workspaceUid) !== undefined) return;
  await checkpoint.setMovedUntil(placement, workspaceUid, timestamp(clock.now() + keepMovedVolumesMs));
}

/** Placements that this agent remembers, that are gone without its doing, and whose workspaces may be moved: they were. */
export async function noteMoved(
  context: Context,
  isPlaced: (placement: string, workspaceUid: string) => boolean,
): Promise<void> {
  const { checkpoint } = context;
  for (const { metadata, spec } of Object.values(checkpoint.data.placements)) {
    const { name } = metadata;
    if (isPlaced(name, spec.workspace.uid)) {
      // It came back, and has its volume again.
      await checkpoint.setMovedUntil(name, spec.workspace.uid, undefined);
      continue;
    }
    if (spec.onNodeLoss === 'Reschedule') await leaveVolume(context, name, spec.workspace.uid);
    await checkpoint.forget(name);
  }
}

/** Whether a volume with these labels was left by a workspace that moved away, and its time is not over. */
export function isLeft({ checkpoint, clock }: Context, labels: Labels): boolean {
  const until = checkpoint.movedUntil(labels[LABEL_PLACEMENT] ?? '', labels[LABEL_WORKSPACE_UID] ?? '');
  return until !== undefined && Date.parse(until) > clock.now();
}

export async function forgetMoved({ checkpoint }: Context, labels: Labels): Promise<void> {
  await checkpoint.setMovedUntil(labels[LABEL_PLACEMENT] ?? '', labels[LABEL_WORKSPACE_UID] ?? '', undefined);
}

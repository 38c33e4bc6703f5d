import type { Client } from '../../controller/client/client.ts';
import { WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { followObject } from './follow.ts';
import { silenceTimer } from './silent-node.ts';

/**
 * Resolves once the restart that the workspace's mark asks for was carried out; false: the signal was aborted, another
 * mark took its place, the workspace is gone, or its node is not heard.
 */
export async function untilRestarted(
  client: Client,
  { metadata }: Workspace,
  { signal, clock }: Pick<CommandContext, 'signal' | 'clock'>,
): Promise<boolean> {
  const { name, namespace } = metadata;
  const mark = metadata.annotations?.[ANNOTATION_RESTARTED_AT];
  const patience = new AbortController();
  const silence = silenceTimer(clock, () => patience.abort());
  const options = { clock, signal: AbortSignal.any([signal, patience.signal]) };
  try {
    for await (const now of followObject(client, WORKSPACE, { name, namespace }, options)) {
      if (!now || now.metadata.annotations?.[ANNOTATION_RESTARTED_AT] !== mark) return false;
      if (now.status?.restartedAt === mark) return true;
      silence.see(now);
    }
    return false;
  } finally {
    silence.stop();
  }
}

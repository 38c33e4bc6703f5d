import type { Placement, Workspace } from '../../../crds/types.generated.ts';
import type { Reason } from '../../../crds/vocabulary.ts';
import { sha256 } from '../../kit/hash.ts';
import { type ConfigDrift, findDrift } from '../../repo-config/config-drift.ts';
import { readRepoConfig } from '../../repo-config/read-repo-config.ts';
import type { RepoConfigReading } from '../../repo-config/repo-config.ts';
import type { NewCondition } from '../../runtime/conditions.ts';

/** The repository's `.nexus/config.yaml` beside the spec. */
export interface ConfigView {
  digest: string;
  /** Fields that are the user's own. */
  kept: string[];
  /** Absent: the file cannot be read. */
  drift?: ConfigDrift;
  /** Why not. */
  problem?: string;
}

/** Readings of texts, the last few of them: a pass with nothing new reads nothing again. */
export interface ConfigReader {
  /** `digest` is of the text: whose reading it is, all workspaces go by. */
  read(digest: string, text: string): RepoConfigReading;
}

const MAX_READINGS = 256;
/** As much as agents tell. */
const MAX_BYTES = 16 * 1024;

export function createConfigReader(): ConfigReader {
  const known = new Map<string, RepoConfigReading>();
  return {
    read(digest, text) {
      const reading = known.get(digest) ?? readRepoConfig(text);
      known.delete(digest);
      known.set(digest, reading);
      const [oldest] = known.keys();
      if (known.size > MAX_READINGS && oldest !== undefined) known.delete(oldest);
      return reading;
    },
  };
}

/** Undefined: the repository has no such file, or nobody has looked yet. */
export function viewConfig(
  { spec, status }: Workspace,
  placement: Placement | undefined,
  reader: ConfigReader,
): ConfigView | undefined {
  const observed = placement?.status?.repository?.config;
  if (!observed) return undefined;
  const { text } = observed;
  const isRead = text !== undefined && Buffer.byteLength(text) <= MAX_BYTES;
  // What an agent says that it is would be the digest of another workspace's file.
  const digest = isRead ? sha256(text) : '';
  const before = status?.config;
  const given = spec.repo?.followConfig ? [] : before?.kept;
  if (!isRead)
    return { digest, kept: given ?? [], problem: 'it is larger than 16 KiB; a configuration is not' };
  const { config, problems } = reader.read(digest, text);
  if (!config) return { digest, kept: given ?? [], problem: told(problems) };
  // What was not as the file says from the beginning is how its user wants it.
  const kept = given ?? (before ? [] : findDrift(spec, config).fields);
  return { digest, kept, drift: findDrift(spec, config, kept) };
}

function told([first, ...more]: RepoConfigReading['problems']): string {
  if (!first) return 'it cannot be read';
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  return `line ${first.line}, column ${first.column}: ${first.message}${others}`;
}

export function configCondition({ metadata }: Workspace, view: ConfigView): NewCondition {
  const says = (status: 'True' | 'False', reason: Reason, message: string): NewCondition => ({
    type: 'ConfigDrift',
    status,
    reason,
    message,
  });
  if (view.problem !== undefined)
    return says('True', 'ConfigInvalid', `.nexus/config.yaml in the working tree: ${view.problem}.`);
  if (!view.drift || view.drift.fields.length === 0)
    return says('False', 'ConfigApplied', 'The spec is as .nexus/config.yaml in the working tree says.');
  return says(
    'True',
    'ConfigChanged',
    `.nexus/config.yaml in the working tree says otherwise: ${view.drift.told}. "nexus workspace sync ${metadata.name}" carries it out.`,
  );
}

import { timestamp } from '../../controller/kit/clock.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { changeNodes, nodeNames } from './change.ts';
import type { LabelFlags } from './label.ts';
import { taintWord } from './node-facts.ts';

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

interface TaintChange {
  key: string;
  value?: string;
  /** Absent, when it is taken off: of every effect. */
  effect?: Taint['effect'];
  isOff: boolean;
}

const USAGE =
  'nexus node taint NAME KEY[=VALUE]:NoSchedule|PreferNoSchedule|NoExecute, or KEY[:EFFECT]- to take it off';
const CHANGE =
  /^([A-Za-z0-9][A-Za-z0-9._/-]*?)(?:=([A-Za-z0-9._-]*))?(?::(NoSchedule|PreferNoSchedule|NoExecute))?(-)?$/;

/** `nexus node taint`: as `kubectl taint`. */
export async function taintNodes(
  args: string[],
  flags: LabelFlags,
  context: CommandContext,
): Promise<number> {
  const isChange = (arg: string) => /[:=]|-$/.test(arg);
  const names = nodeNames(
    args.filter(arg => !isChange(arg)),
    USAGE,
  );
  const changes = args.filter(isChange).map(parseTaint);
  if (changes.length === 0) throw usageError('which taints?', USAGE);
  const timeAdded = timestamp(context.clock.now());
  await changeNodes(
    names,
    ({ metadata, spec }) => {
      const before = spec?.taints ?? [];
      let taints = before;
      for (const change of changes)
        taints = applyTaint(taints, change, { node: metadata.name, timeAdded, overwrite: flags.overwrite });
      if (taints === before) return { said: 'is tainted so already' };
      return { patch: { spec: { taints } }, said: taints.length < before.length ? 'untainted' : 'tainted' };
    },
    context,
  );
  return EXIT.done;
}

function parseTaint(text: string): TaintChange {
  const [, key, value, effect, minus] = CHANGE.exec(text) ?? [];
  if (!key || (!minus && !effect)) throw usageError(`"${text}" is no taint`, USAGE);
  return {
    key,
    ...(value && { value }),
    ...(effect && { effect: effect as Taint['effect'] }),
    isOff: minus !== undefined,
  };
}

/** The same list when nothing changes. Throws CliError. */
function applyTaint(
  taints: Taint[],
  { key, value, effect, isOff }: TaintChange,
  { node, timeAdded, overwrite }: { node: string; timeAdded: string; overwrite: boolean },
): Taint[] {
  const isIt = (taint: Taint) => taint.key === key && (effect === undefined || taint.effect === effect);
  const there = taints.find(isIt);
  if (isOff) {
    if (there) return taints.filter(taint => !isIt(taint));
    throw new CliError(`node ${node} has no taint ${key}${effect ? `:${effect}` : ''}`, {
      exitCode: EXIT.notFound,
      next: `nexus node describe ${node}`,
    });
  }
  if (there && (there.value ?? '') === (value ?? '')) return taints;
  if (there && !overwrite)
    throw new CliError(`node ${node} has taint ${taintWord(there)} already`, {
      exitCode: EXIT.conflict,
      next: '--overwrite changes it',
    });
  const added: Taint = {
    key,
    ...(value && { value }),
    effect: effect as Taint['effect'],
    ...(effect === 'NoExecute' && { timeAdded }),
  };
  return [...taints.filter(taint => !isIt(taint)), added];
}

import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { alignColumns } from '../output/columns.ts';
import { fields, indent } from '../output/fields.ts';
import { createPicture } from '../output/picture.ts';
import { type Mark, printable, styleOf } from '../output/style.ts';
import { sshAliasOf } from '../ssh/config/alias-of.ts';
import { isOnThisMachine } from '../ssh/here.ts';
import { findWorkspace, followWorkspace } from './find.ts';
import { nextSteps, wrongConditions } from './next-steps.ts';
import { type ServiceRow, serviceMark, serviceRows } from './service-rows.ts';

/** What is asked of this machine rather than of the server. */
interface Here {
  rows: ServiceRow[];
  isWatching: boolean;
  /** By which plain ssh knows it. */
  alias?: string;
}

export const status: Command = {
  usage: 'status <name>',
  describe: 'How a workspace is, what keeps it from being ready, and what to do next',
  examples: [
    ['nexus workspace status shop', 'once'],
    ['nexus workspace status shop -w', 'and go on'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .option('watch', { alias: 'w', type: 'boolean', default: false, describe: 'Go on showing changes' }),
  async run(raw, context) {
    const flags = raw as Flags & { name: string; watch: boolean };
    const show = async (workspace: Workspace) =>
      statusLines(workspace, { ...(await lookHere(workspace, context)), isWatching: flags.watch }, context);
    if (!flags.watch) {
      for (const line of await show(await findWorkspace(flags.name, context))) context.print(line);
      return EXIT.done;
    }
    const picture = createPicture(context);
    const { isLive } = styleOf(context.io.stdout, context.io.env);
    let before: string[] = [];
    for await (const workspace of followWorkspace(flags.name, context)) {
      if (isLive) picture.show(await show(workspace));
      else {
        const lines = plainLines(workspace);
        for (const line of lines) if (!before.includes(line)) context.print(line);
        before = lines;
      }
    }
    return EXIT.done;
  },
};

async function lookHere(workspace: Workspace, context: CommandContext): Promise<Omit<Here, 'isWatching'>> {
  const [isHere, alias] = await Promise.all([
    isOnThisMachine(workspace, context),
    sshAliasOf(workspace, context),
  ]);
  return { rows: serviceRows(workspace, isHere), alias };
}

const PHASE_MARKS: Record<string, { mark: Mark; code: number }> = {
  Running: { mark: 'good', code: 32 },
  Stopped: { mark: 'off', code: 2 },
  Degraded: { mark: 'bad', code: 33 },
  Failed: { mark: 'bad', code: 31 },
  Unknown: { mark: 'bad', code: 33 },
};

/** The whole picture. */
export function statusLines(
  workspace: Workspace,
  { rows, alias, isWatching }: Here,
  { io }: Pick<CommandContext, 'io'>,
): string[] {
  const { metadata, spec, status: seen = {} } = workspace;
  const { mark, color } = styleOf(io.stdout, io.env);
  const phase = seen.phase ?? 'Pending';
  const look = PHASE_MARKS[phase] ?? { mark: 'busy' as const, code: 36 };
  const isOld = seen.observedGeneration !== metadata.generation;
  const wrong = wrongConditions(workspace).filter(c => c.type !== 'Ready');
  const next = nextSteps(workspace, isWatching);
  return [
    `${mark(look.mark)}${color(1, metadata.name)}  ${color(look.code, phase)}${isOld ? '  (a change is being looked at)' : ''}`,
    ...(seen.message ? [`  ${printable(seen.message)}`] : []),
    '',
    ...fields([
      [
        'Node',
        [seen.nodeName, spec.driver, seen.image ?? spec.image].filter(Boolean).join(' · ') || 'none yet',
      ],
      ['SSH', sshWords(workspace, alias)],
      ['Repository', repositoryWords(workspace)],
    ]),
    ...serviceLines(workspace, rows, mark, color),
    ...(wrong.length > 0
      ? [
          '',
          'Not so yet:',
          ...indent(alignColumns(wrong.map(c => [c.type, color(33, c.reason), printable(c.message)]))),
        ]
      : []),
    ...(next.length > 0 ? ['', 'Next:', ...indent(next.map(line => color(36, line)))] : []),
  ];
}

function sshWords(
  { metadata, spec, status: seen }: Workspace,
  alias: string | undefined,
): string | undefined {
  if (spec.running === false || !seen?.ssh?.endpoint) return undefined;
  const command = alias ? `ssh ${alias}` : `nexus ssh ${metadata.name}`;
  return `${command}   (${seen.ssh.user}@${seen.ssh.endpoint})`;
}

function repositoryWords({ spec, status: seen }: Workspace): string | undefined {
  if (!spec.repo) return undefined;
  const { commit, branch, dirty } = seen?.repository ?? {};
  const at = [branch ?? spec.repo.ref, commit?.slice(0, 12)].filter(Boolean).join(' @ ');
  return [spec.repo.url, at, dirty ? 'with changes that are not pushed' : '']
    .filter(Boolean)
    .map(printable)
    .join(' · ');
}

function serviceLines(
  workspace: Workspace,
  rows: ServiceRow[],
  mark: (mark: Mark) => string,
  color: (code: number, text: string) => string,
): string[] {
  if (rows.length === 0) return [];
  const table = rows.map(row => [
    `${mark(serviceMark(row, workspace))}${row.name}`,
    row.status,
    row.health ?? '-',
    row.localUrl ?? (row.port === undefined ? '-' : `port ${row.port}`),
    color(31, row.why ?? ''),
  ]);
  const up = rows.filter(({ isUp }) => isUp).length;
  return ['', `Services: ${up}/${rows.length} up`, ...indent(alignColumns(table))];
}

/** One fact a line, for where nothing can be drawn over. */
function plainLines({ metadata, status: seen = {} }: Workspace): string[] {
  const { name } = metadata;
  return [
    `${name}: ${seen.phase ?? 'Pending'}${seen.message ? `: ${printable(seen.message)}` : ''}`,
    ...(seen.conditions ?? []).map(
      c => `${name}: ${c.type} ${c.status} ${c.reason}: ${printable(c.message)}`,
    ),
    ...(seen.services ?? []).map(
      s =>
        `${name}: service ${s.name} ${s.state}${s.health ? ` ${s.health}` : ''}${s.message ? `: ${printable(s.message)}` : ''}`,
    ),
  ];
}

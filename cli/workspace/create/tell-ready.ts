import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';

/** What one does next, once it is ready. To standard error: the result was printed before. */
export function tellReady({ metadata: { name }, spec, status }: Workspace, context: CommandContext): void {
  if (spec.running === false) {
    context.note(`${name} is stopped; next: nexus start ${name}`);
    return;
  }
  const lines: [string, string][] = (status?.services ?? []).flatMap(service =>
    service.url ? [[service.name, service.url] as [string, string]] : [],
  );
  lines.push(['editor', `nexus workspace connect ${name}`], ['shell', `nexus ssh ${name}`]);
  const width = Math.max(...lines.map(([what]) => what.length));
  context.note(`${name} is ready`);
  for (const [what, how] of lines) context.note(`  ${what.padEnd(width)}  ${how}`);
}

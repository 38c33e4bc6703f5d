import { INSTALL } from '../../images/recipe.ts';

/** By content id, because a tag can move meanwhile. The instruction is in JSON, so that the image's SHELL does not matter. */
export function dockerfile(baseId: string, labels: Record<string, string>): string {
  return [
    `FROM ${baseId}`,
    'USER 0',
    `RUN ${JSON.stringify(['/bin/sh', '-c', INSTALL])}`,
    ...Object.entries(labels).map(
      ([name, value]) => `LABEL ${JSON.stringify(name)}=${JSON.stringify(value)}`,
    ),
    '',
  ].join('\n');
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the packages in a bundle ask to be said when they are passed on. */
export function licenses(root: string, packages: string[]): string {
  const parts = ['node', ...packages].map(name => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      version: string;
      license?: string;
    };
    const texts = readdirSync(folder)
      .filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
      .sort()
      .map(file => readFileSync(join(folder, file), 'utf8').trim());
    return `${name} ${version} (${license ?? 'see below'})\n\n${texts.join('\n\n')}`.trim();
  });
  return `${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

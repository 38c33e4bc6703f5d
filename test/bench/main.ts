/** `npm run bench -- NAME [ARGS]`: runs test/bench/NAME.ts. Prints a table, and a last line of JSON. */
import { readdirSync } from 'node:fs';

const NOT_BENCHES = [
  'main',
  'report',
  'login',
  'phases',
  'bare',
  'program',
  'scale-agents',
  'ssh-parts',
  'ssh-samples',
  'fleet-agents',
  'process-figures',
];
const [name, ...args] = process.argv.slice(2);
const names = readdirSync(new URL('./', import.meta.url))
  .filter(file => file.endsWith('.ts'))
  .map(file => file.slice(0, -3))
  .filter(file => !NOT_BENCHES.includes(file));

if (!name || !names.includes(name)) {
  console.error(`npm run bench -- NAME, one of: ${names.join(', ')}`);
  process.exit(2);
}
const { run } = (await import(`./${name}.ts`)) as { run(args: string[]): Promise<void> };
await run(args);
process.exit(0);

// Not imported: see client/kubeconfig.ts.
const { readFileSync } = process.getBuiltinModule('node:fs');

/** Of this program, from package.json. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/**
 * Loaded before a test file, whose process costs a third with it. tap is read as one file and not as 280. It does not follow
 * every promise, to lay an error that nobody caught to the test that began it; such an error still fails the file, with its
 * stack. And with NEXUS_COVERAGE, a folder, coverage is measured as Node.js measures it by itself (NODE_V8_COVERAGE), but
 * written of this project's own files alone: of every dependency it would be megabytes a process.
 */
import asyncHooks from 'node:async_hooks';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { registerHooks, syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { openHandles } from './open-handles.mjs';

const hook = { enable: () => hook, disable: () => hook };
asyncHooks.createHook = () => hook;
syncBuiltinESMExports();

const tap = {
  url: new URL('../../node_modules/@tapjs/.bundle.mjs', import.meta.url).href,
  shortCircuit: true,
};
registerHooks({ resolve: (name, context, next) => (name === 'tap' ? tap : next(name, context)) });

// tap asks for them when a file's time is up.
const handles = process._getActiveHandles.bind(process);
process._getActiveHandles = () => openHandles(handles());

const { NEXUS_COVERAGE: folder } = process.env;
delete process.env.NEXUS_COVERAGE;
if (folder) {
  const root = new URL('../../', import.meta.url).href;
  const parts = ['controller', 'agent', 'cli', 'crds', 'manifests'].map(part => `${root}${part}/`);
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  process.once('exit', () =>
    session.post('Profiler.takePreciseCoverage', (_, coverage) => {
      const result = coverage.result.filter(({ url }) => parts.some(part => url.startsWith(part)));
      mkdirSync(folder, { recursive: true });
      // A machine may give a process number twice in a run.
      writeFileSync(join(folder, `${process.pid}-${Date.now()}.json`), JSON.stringify({ result }));
    }),
  );
}

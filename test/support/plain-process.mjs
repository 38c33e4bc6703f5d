/**
 * Loaded before a test file, by NODE_OPTIONS, which `npm test` sets: two things that tap does in each process and that nothing
 * here needs cost more than a third of the processor time of a run. It follows every promise, to lay an error that
 * nobody caught to the test that began it (such an error still fails the file, with its stack); and it reads every module
 * once more, for the coverage that Node.js measures by itself. What the test starts is spared that measuring too, and so
 * are the slowest kinds of test, which run hardly a line that no other runs.
 */
import asyncHooks from 'node:async_hooks';
import module, { syncBuiltinESMExports } from 'node:module';
import { stopCoverage } from 'node:v8';

const hook = { enable: () => hook, disable: () => hook };
asyncHooks.createHook = () => hook;
module.registerHooks = () => ({ deregister() {} });
syncBuiltinESMExports();
delete process.env.NODE_V8_COVERAGE;
if (/\/test\/(e2e|conformance|property)\//.test(process.argv[1] ?? '')) stopCoverage();

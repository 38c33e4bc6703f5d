import asyncHooks, { type AsyncHook } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before a test file. tap would follow every promise of the process to lay an error that nobody caught to the
 * test that began it, which costs a third of the processor time of what is tested in this process. Without that such
 * an error still fails the file, with its stack.
 */
const hook: AsyncHook = { enable: () => hook, disable: () => hook };
asyncHooks.createHook = () => hook;
syncBuiltinESMExports();

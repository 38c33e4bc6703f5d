/**
 * Starts the bundle beside this file if it is of the sources as they are now, else the sources: nobody who works on them
 * runs what they were before. A source that has the size and the times (of its content and of its inode, which nobody sets)
 * that it had when it was read is the same.
 */
const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');
const root = join(__dirname, '..');
const { all, commands } = JSON.parse(readFileSync(join(__dirname, 'checkout.json'), 'utf8'));
const isFresh = ([path, ...known]) => {
  const now = statSync(`${root}/${path}`, { throwIfNoEntry: false });
  return now && known[0] === now.size && known[1] === now.mtimeMs && known[2] === now.ctimeMs;
};
// Looking at every source would be a tenth of the time of what is typed most often.
const command = process.argv[2] ?? '';
if ((Object.hasOwn(commands, command) ? commands[command] : all).every(isFresh)) require('./nexus.cjs');
else import(join(root, 'cli/main.ts')).then(({ runProcess }) => runProcess());

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {
  installInclude,
  removeInclude,
  withInclude,
  withoutInclude,
} from '../../../cli/ssh/config/include.ts';

const OURS = '/home/ü/.nexus/ssh/config';

/** What people, dotfile managers and other programs leave in ~/.ssh/config. */
const line = fc.oneof(
  fc.constantFrom(
    '',
    'Host *',
    '\tForwardAgent yes  ',
    'Match exec "true"',
    'host=box',
    '# Added by OrbStack: \'orb\' SSH host\nInclude "~/.orbstack/ssh/config"',
    `Include ${OURS}`,
    `#Include ${OURS}`,
    '# `nexus ssh-config` added the line below; `nexus ssh-config remove` takes both away.',
    '\ufeff# with a mark of byte order',
    'IdentityFile "~/.ssh/a b"',
  ),
  fc.string(),
  fc.uint8Array({ maxLength: 30 }).map(bytes => Buffer.from(bytes).toString('latin1')),
);
const content = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n')), { maxLength: 8 })
  .chain(lines =>
    fc.boolean().map(hasLastEnd => {
      const text = lines.map(([one, eol]) => one + eol).join('');
      return Buffer.from(hasLastEnd ? text : text.replace(/\r?\n$/, '')).toString('latin1');
    }),
  )
  // An installed one is no start for this.
  .filter(text => withoutInclude(text, OURS).made === undefined);

t.test('whatever is in the file: put in twice and taken out, it is what it was', async t => {
  fc.assert(
    fc.property(content, fc.boolean(), (before, isNew) => {
      const once = withInclude(before, OURS, isNew ? 'file' : 'nothing');
      if (!/^# .*\r?\nInclude /.test(once)) throw new Error('not at the top');
      if (withInclude(once, OURS) !== once) throw new Error('not idempotent');
      const after = withoutInclude(once, OURS);
      return after.text === before && after.made === (isNew ? 'file' : 'nothing');
    }),
    { numRuns: 2000 },
  );
  t.pass('2000 files');
});

t.test(
  'what a person writes around it meanwhile stays, and it goes back to the top below a host',
  async t => {
    fc.assert(
      fc.property(content, content, (before, added) => {
        const line = added === '' ? '' : `${added}\n`;
        const edited = line + withInclude(before, OURS);
        const again = withInclude(edited, OURS);
        if (/^\s*(host|match)\b/im.test(line) !== (again !== edited)) throw new Error('moved for no reason');
        const end = withoutInclude(again, OURS);
        // What is added may itself be two lines like ours.
        return end.text === line + before || withoutInclude(end.text, OURS).made !== undefined;
      }),
      { numRuns: 1000 },
    );
    t.pass('1000 edits');
  },
);

t.test('on disk: bytes, mode and symbolic links come out as they were', async t => {
  let dirs = 0;
  const root = t.testdir({});
  await fc.assert(
    fc.asyncProperty(
      content,
      fc.constantFrom(0o600, 0o644, 0o400, 0o640),
      fc.constantFrom('file', 'link', 'dangling', 'none', 'no folder'),
      async (text, mode, kind) => {
        const home = join(root, String(dirs++));
        const folder = join(home, '.ssh');
        const file = join(folder, 'config');
        mkdirSync(kind === 'no folder' ? home : folder, { recursive: true });
        mkdirSync(join(home, 'dotfiles'));
        const target = join(home, 'dotfiles', 'ssh');
        const bytes = Buffer.from(text, 'latin1');
        if (kind === 'file') writeFileSync(file, bytes);
        if (kind === 'link') writeFileSync(target, bytes);
        if (kind === 'link' || kind === 'dangling') symlinkSync('../dotfiles/ssh', file);
        const isThere = kind === 'file' || kind === 'link';
        if (isThere) chmodSync(file, mode);
        const look = () => ({
          folder: existsSync(folder) && readdirSync(folder),
          link: lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(file) : '',
          bytes: existsSync(file) && readFileSync(file).toString('latin1'),
          mode: existsSync(file) && statSync(file).mode,
          dotfiles: readdirSync(join(home, 'dotfiles')),
        });
        const before = look();
        const results = [await installInclude(file, OURS), await installInclude(file, OURS)];
        if (results.join() !== `${isThere ? 'added' : 'made'},unchanged`) throw new Error(results.join());
        const installed = look();
        if (!isThere && (installed.mode as number) % 0o1000 !== 0o600) throw new Error('open to others');
        if (kind === 'no folder' && statSync(folder).mode % 0o1000 !== 0o700) throw new Error('open folder');
        if (isThere && installed.mode !== before.mode) throw new Error('another mode');
        if (installed.link !== before.link) throw new Error('the link is gone');
        const removed = await removeInclude(file, OURS);
        if (removed !== (isThere ? 'removed' : 'file removed')) throw new Error(removed);
        if ((await removeInclude(file, OURS)) !== 'absent') throw new Error('not gone');
        t.same(look(), before, kind);
      },
    ),
    { numRuns: 60 },
  );
});

t.test('many runs at once leave one Include, and removes at once none', async t => {
  const file = join(t.testdir({ '.ssh': { config: 'Host a\r\n  Port 1' } }), '.ssh', 'config');
  const before = readFileSync(file);
  const installs = await Promise.all(Array.from({ length: 8 }, () => installInclude(file, OURS)));
  t.ok(installs.includes('added'));
  t.equal(readFileSync(file, 'latin1').match(/^Include /gm)?.length, 1);
  await Promise.all(Array.from({ length: 8 }, () => removeInclude(file, OURS)));
  t.same(readFileSync(file), before);
  t.same(readdirSync(join(file, '..')), ['config'], 'nothing else is left');
});

t.test('a file made by it is kept once it holds something else', async t => {
  const file = join(t.testdir({}), '.ssh', 'config');
  t.equal(await installInclude(file, OURS), 'made');
  writeFileSync(file, `${readFileSync(file, 'utf8')}Host mine\n`);
  t.equal(await removeInclude(file, OURS), 'removed');
  t.equal(readFileSync(file, 'utf8'), 'Host mine\n');
});

t.test('what is no file is left alone, with a word', async t => {
  const file = join(t.testdir({ config: {} }), 'config');
  await t.rejects(installInclude(file, OURS), /is no file/);
  t.ok(statSync(file).isDirectory());
});

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EDITORS, type Editor, type EditorId } from '../../../cli/editor/editors.ts';
import { chooseEditor, findEditors } from '../../../cli/editor/find-editors.ts';
import { editorCommand } from '../../../cli/editor/open-editor.ts';
import { EXIT } from '../../../cli/errors.ts';

const folder = { host: 'shop.ws', user: 'dev', port: 2222, path: '/home/dev/workspace' };
const editor = (id: EditorId) => EDITORS.find(one => one.id === id) as Editor;

/**
 * As the editors publish them. VS Code and what is made of it: `vscode://vscode-remote/AUTHORITY/PATH` and
 * `code --remote AUTHORITY PATH` with the authority `ssh-remote+HOST`. Zed: `zed://ssh/[USER@]HOST[:PORT]/PATH` and
 * `zed ssh://…`. JetBrains Gateway: `jetbrains-gateway://connect#` and named fields. Vim's netrw: `scp://HOST//PATH/`.
 */
const PUBLISHED: [EditorId, link: string | undefined, command: string][] = [
  [
    'cursor',
    'cursor://vscode-remote/ssh-remote+shop.ws/home/dev/workspace',
    'cursor --remote ssh-remote+shop.ws /home/dev/workspace',
  ],
  [
    'vscode',
    'vscode://vscode-remote/ssh-remote+shop.ws/home/dev/workspace',
    'code --remote ssh-remote+shop.ws /home/dev/workspace',
  ],
  [
    'vscodium',
    'vscodium://vscode-remote/ssh-remote+shop.ws/home/dev/workspace',
    'codium --remote ssh-remote+shop.ws /home/dev/workspace',
  ],
  ['zed', 'zed://ssh/shop.ws/home/dev/workspace', 'zed ssh://shop.ws/home/dev/workspace'],
  [
    'gateway',
    'jetbrains-gateway://connect#type=ssh&deploy=false&host=shop.ws&port=2222&user=dev&projectPath=%2Fhome%2Fdev%2Fworkspace',
    "gateway 'jetbrains-gateway://connect#type=ssh&deploy=false&host=shop.ws&port=2222&user=dev&projectPath=%2Fhome%2Fdev%2Fworkspace'",
  ],
  ['neovim', undefined, 'nvim scp://shop.ws//home/dev/workspace/'],
  ['vim', undefined, 'vim scp://shop.ws//home/dev/workspace/'],
];

t.test('links and command lines are those that the editors publish', async t => {
  t.same(
    PUBLISHED.map(([id]) => id),
    EDITORS.map(({ id }) => id),
    'each of them',
  );
  for (const [id, link, command] of PUBLISHED) {
    t.equal(editor(id).link?.(folder), link, id);
    t.equal(editorCommand({ editor: editor(id) }, folder), command, id);
  }
});

t.test('a link can be read back, whatever the folder is called', async t => {
  const odd = { ...folder, path: '/home/dev/a b#c?d%e' };
  for (const id of ['cursor', 'vscode', 'vscodium', 'zed'] as const) {
    const url = new URL(editor(id).link?.(odd) ?? '');
    t.ok(decodeURIComponent(url.pathname).endsWith(odd.path), id);
    t.equal(url.hash + url.search, '', id);
  }
  const gateway = new URL(editor('gateway').link?.(odd) ?? '');
  t.equal(new URLSearchParams(gateway.hash.slice(1)).get('projectPath'), odd.path);
});

t.test('the editor is that of the flag, of the environment, of the preferences, else the first', async t => {
  const home = t.testdir({ 'config.json': '{"editor": {"preferred": "zed"}}', empty: {} });
  const bin = join(home, 'bin');
  mkdirSync(bin);
  for (const name of ['code', 'zeditor', 'nvim']) writeFileSync(join(bin, name), '', { mode: 0o755 });
  writeFileSync(join(bin, 'cursor'), '', { mode: 0o644 });
  const env = { PATH: bin };
  const bare = join(home, 'empty');
  t.same(
    findEditors(env).map(found => found.editor.id),
    ['vscode', 'zed', 'neovim'],
    'what cannot be run is none',
  );
  t.match(chooseEditor(undefined, { env, home: bare }), {
    editor: { id: 'vscode' },
    program: join(bin, 'code'),
  });
  t.match(chooseEditor(undefined, { env, home }), { editor: { id: 'zed' }, by: 'editor.preferred' });
  const named = { ...env, NEXUS_EDITOR: 'nvim' };
  t.match(chooseEditor(undefined, { env: named, home }), { editor: { id: 'neovim' }, by: 'NEXUS_EDITOR' });
  t.match(chooseEditor('Code', { env: named, home }), { editor: { id: 'vscode' }, by: '--editor' });
  t.match(
    chooseEditor('jetbrains', { env, home }),
    { editor: { id: 'gateway' }, program: undefined },
    'its link may work where its program is not found',
  );
  t.equal(chooseEditor(undefined, { env: { PATH: '' }, home: bare }), undefined);
  t.match(chooseEditor(join(bin, 'zeditor'), { env: {}, home }), { program: join(bin, 'zeditor') });
  t.throws(() => chooseEditor('emacs', { env, home }), {
    name: 'CliError',
    exitCode: EXIT.usage,
    next: /^one of cursor, vscode, /,
  });
  chmodSync(join(bin, 'code'), 0o644);
  t.throws(() => chooseEditor(join(bin, 'code'), { env, home }), {
    name: 'CliError',
    exitCode: EXIT.notFound,
  });
});

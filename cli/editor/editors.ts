/** A folder on a machine that ssh reaches. */
export interface RemoteFolder {
  /** By which ssh knows the machine: an alias of the person's configuration. */
  host: string;
  user: string;
  /** For those that do not read that configuration to the end. */
  port: number;
  /** Absolute. */
  path: string;
}

export interface Editor {
  id: EditorId;
  title: string;
  /** Further names that people give it. */
  aliases: readonly string[];
  /** Names of its program, the usual one first. */
  programs: readonly string[];
  /** Its application on macOS. */
  application?: string;
  /** A link that opens the folder; absent: it takes none. */
  link?(folder: RemoteFolder): string;
  /** Arguments of its program for the same. */
  args(folder: RemoteFolder): string[];
  /** Whether it runs in the terminal it was started in. */
  inTerminal?: boolean;
}

export type EditorId = 'cursor' | 'vscode' | 'vscodium' | 'zed' | 'gateway' | 'neovim' | 'vim';

/** Path of a URL: everything but slashes is encoded. */
const encodePath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** VS Code and what is made of it: `SCHEME://vscode-remote/AUTHORITY/PATH`, and `--remote AUTHORITY PATH`. */
function vscodeLike(
  scheme: string,
  editor: Pick<Editor, 'id' | 'title' | 'aliases' | 'programs' | 'application'>,
): Editor {
  return {
    ...editor,
    link: ({ host, path }) => `${scheme}://vscode-remote/ssh-remote+${host}${encodePath(path)}`,
    args: ({ host, path }) => ['--remote', `ssh-remote+${host}`, path],
  };
}

/** netrw, which comes with both, reads `scp://HOST//ABSOLUTE/FOLDER/`. */
const vimLike = (editor: Pick<Editor, 'id' | 'title' | 'aliases' | 'programs'>): Editor => ({
  ...editor,
  inTerminal: true,
  args: ({ host, path }) => [`scp://${host}/${path.replace(/\/?$/, '/')}`],
});

/** In the order in which they are looked for. */
export const EDITORS: readonly Editor[] = [
  vscodeLike('cursor', {
    id: 'cursor',
    title: 'Cursor',
    aliases: [],
    programs: ['cursor'],
    application: 'Cursor',
  }),
  vscodeLike('vscode', {
    id: 'vscode',
    title: 'VS Code',
    aliases: ['code', 'vs-code'],
    programs: ['code'],
    application: 'Visual Studio Code',
  }),
  vscodeLike('vscodium', {
    id: 'vscodium',
    title: 'VSCodium',
    aliases: ['codium'],
    programs: ['codium', 'vscodium'],
    application: 'VSCodium',
  }),
  {
    id: 'zed',
    title: 'Zed',
    aliases: ['zeditor'],
    programs: ['zed', 'zeditor'],
    application: 'Zed',
    link: ({ host, path }) => `zed://ssh/${host}${encodePath(path)}`,
    args: ({ host, path }) => [`ssh://${host}${encodePath(path)}`],
  },
  {
    id: 'gateway',
    title: 'JetBrains Gateway',
    aliases: ['jetbrains', 'jetbrains-gateway'],
    programs: ['gateway', 'jetbrains-gateway'],
    application: 'JetBrains Gateway',
    link: gatewayLink,
    args: folder => [gatewayLink(folder)],
  },
  vimLike({ id: 'neovim', title: 'Neovim', aliases: ['nvim'], programs: ['nvim'] }),
  vimLike({ id: 'vim', title: 'Vim', aliases: ['vi'], programs: ['vim'] }),
];

function gatewayLink({ host, user, port, path }: RemoteFolder): string {
  const fields = { type: 'ssh', deploy: 'false', host, port: String(port), user, projectPath: path };
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `jetbrains-gateway://connect#${pairs.join('&')}`;
}

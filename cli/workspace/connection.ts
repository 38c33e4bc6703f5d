import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import type { Editor, RemoteFolder } from '../editor/editors.ts';
import { fields, indent } from '../output/fields.ts';
import { printable, styleOf } from '../output/style.ts';
import type { ServiceRow } from './service-rows.ts';

/** A workspace as an editor opens it. */
export interface Connection {
  workspace: Workspace;
  folder: RemoteFolder;
  /** Plain ssh to it, as a command line. */
  ssh: string;
  rows: ServiceRow[];
  /** Absent: none is on this machine. */
  editor?: Editor;
  link?: string;
  /** As one would type it. */
  command?: string;
}

/** What became of opening it. */
interface Opened {
  /** Whether it was asked for. */
  isWanted: boolean;
  isOpen: boolean;
}

export function connectionJson({ workspace, folder, ssh, rows, editor, link, command }: Connection): string {
  const { metadata, spec, status } = workspace;
  return JSON.stringify(
    {
      workspace: metadata.name,
      namespace: metadata.namespace,
      repository: spec.repo?.url,
      status: status?.phase,
      host: folder.host,
      user: folder.user,
      path: folder.path,
      ssh,
      editor: editor?.id,
      link,
      command,
      services: rows,
    },
    null,
    2,
  );
}

/** For people: what it is, where it is, and what to do next. */
export function connectionLines(
  connection: Connection,
  { isWanted, isOpen }: Opened,
  { io }: Pick<CommandContext, 'io'>,
): string[] {
  const { workspace, folder, ssh, rows, editor, link, command } = connection;
  const { metadata, spec, status } = workspace;
  const { mark, color } = styleOf(io.stdout, io.env);
  const { name } = metadata;
  const urls = rows.flatMap(row => (row.localUrl ? [`${row.name} ${row.localUrl}`] : []));
  const hidden = rows.find(row => row.port !== undefined && !row.localUrl);
  return [
    `${mark(isOpen ? 'good' : 'off')}${color(1, name)} ${headline(editor, { isWanted, isOpen })}`,
    '',
    ...fields([
      ['Project', spec.repo?.url && printable(spec.repo.url)],
      [
        'Status',
        [status?.phase, status?.phase === 'Running' ? '' : status?.message].filter(Boolean).join(': '),
      ],
      ['Folder', printable(folder.path)],
      ['Services', urls.join(', ')],
      ['SSH', color(36, ssh)],
      ['Editor', command && color(36, command)],
      ['Link', link && color(36, link)],
    ]),
    '',
    'Next:',
    ...indent([
      ...(isOpen ? [] : [editor && !isWanted ? (command ?? ssh) : ssh]),
      `nexus workspace services ${name}`,
      ...(hidden ? [`nexus workspace open ${name} ${hidden.name}`] : []),
    ]),
  ];
}

function headline(editor: Editor | undefined, { isWanted, isOpen }: Opened): string {
  if (!editor)
    return 'is reached by SSH; no editor was found here (`nexus editor detect`), so open it with ssh';
  if (isOpen) return editor.inTerminal ? `opens in ${editor.title}` : `is open in ${editor.title}`;
  if (!isWanted) return `is reached by SSH; ${editor.title} opens it with the command below`;
  return `is reached by SSH, but ${editor.title} could not be started ${editor.inTerminal ? 'without a terminal' : 'here'}`;
}

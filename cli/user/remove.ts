import { isApiError } from '../../controller/kit/errors.ts';
import { USER, WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_FORCE_DELETE } from '../../crds/names.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';

export const remove: Command = {
  usage: 'remove <name>',
  aliases: ['rm'],
  describe:
    'Take the rights and keys of a user away at once; the namespace goes when no workspace is left in it',
  build: yargs =>
    yargs.positional('name', { type: 'string', demandOption: true, describe: 'Who' }).option('force', {
      type: 'boolean',
      default: false,
      describe: 'Remove their workspaces and secrets too',
    }),
  async run(raw, context) {
    const { name, force } = raw as Flags & { name: string; force: boolean };
    const client = await context.client();
    const { signal } = context;
    try {
      if (force)
        await client.patch(USER, { name }, 'merge', {
          metadata: { annotations: { [ANNOTATION_FORCE_DELETE]: 'true' } },
        });
      await client.delete(USER, { name }, { signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      throw new CliError(`there is no user ${name}`, { exitCode: EXIT.notFound, next: 'nexus user list' });
    }
    const { items } = await client.list(WORKSPACE, { namespace: name, signal });
    context.print(`user ${name} removed: no rights and no key of theirs is left`);
    if (items.length > 0 && !force)
      context.note(
        `${items.length} workspaces are left in namespace ${name}; delete them, or: nexus user remove ${name} --force`,
      );
    return EXIT.done;
  },
};

import type { CommandContext } from '../command.ts';
import type { GitHub } from '../github/access.ts';
import { askGit } from './run-git.ts';

export interface Author {
  name: string;
  email: string;
}

/**
 * Who the person's commits are by: as their Git says, in `folder` where one is given; what it leaves open is that of
 * their account on GitHub, with the address that GitHub gives to those who show none. Undefined when neither knows.
 */
export async function findAuthor(
  { folder, github }: { folder?: string | undefined; github?: GitHub | undefined },
  context: CommandContext,
): Promise<Author | undefined> {
  const options = folder === undefined ? {} : { cwd: folder };
  const ask = (key: string) => askGit(['config', '--get', key], context, options);
  const [name, email] = await Promise.all([ask('user.name'), ask('user.email')]);
  if (name !== undefined && email !== undefined) return cleaned({ name, email });
  if (!github) return undefined;
  const { login, id } = await github.user();
  return cleaned({ name: name ?? login, email: email ?? `${id}+${login}@users.noreply.${github.host}` });
}

/** As Git does it: what would end the name or the address is left out. */
function cleaned({ name, email }: Author): Author | undefined {
  const author = {
    name: name
      .replaceAll(/[<>\p{Cc}]/gu, '')
      .trim()
      .slice(0, 255),
    email: email.replaceAll(/[<>\s\p{Cc}]/gu, '').slice(0, 320),
  };
  return author.name && author.email ? author : undefined;
}

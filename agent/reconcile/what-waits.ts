import type { Desired } from '../model/desired.ts';

/** What of a workspace waits for its Secret, for people; undefined: nothing does. */
export function whatWaits({ name, inside, hooks }: Desired): string | undefined {
  const { withheld } = inside ?? {};
  if (!withheld) return undefined;
  const { env, git, services, message } = withheld;
  const waiting = [
    ...(services.length > 0 ? [`services ${services.join(', ')}`] : []),
    ...(env ? Object.keys(hooks).map(hook => `the hook ${hook}`) : []),
    ...(env ? ['secret variables of sessions'] : []),
    ...(git ? ["Git's login"] : []),
  ];
  return waiting.length === 0 ? undefined : `${name}: ${message}; until then wait ${waiting.join('; ')}`;
}

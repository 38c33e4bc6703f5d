/** Tries at one job (a clone, a hook) carry one token and differ in its suffix: `<token>.<number>`, from 1. */
export const tryToken = (token: string, number: number): string => `${token}.${number}`;

/** Which try at `token` a job's own token stands for; 0 when it was for something else. */
export function tryOf(own: string, token: string): number {
  if (own === token) return 1;
  if (!own.startsWith(`${token}.`)) return 0;
  const number = Number(own.slice(token.length + 1));
  return Number.isSafeInteger(number) && number > 0 ? number : 1;
}

/** What all tries have in common. */
export const withoutTry = (own: string): string => own.replace(/\.\d+$/, '');

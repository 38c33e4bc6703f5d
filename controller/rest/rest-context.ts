import type { Milliseconds } from '../kit/clock.ts';
import type { AnswerOnce } from './answer-once.ts';
import type { Callers } from './callers.ts';
import type { Challenges } from './login/challenges.ts';
import type { RestOptions } from './rest-options.ts';
import type { Scheduled } from './scheduled.ts';
import type { WrongTokens } from './wrong-tokens.ts';

/** What the routes work with. */
export interface RestContext extends RestOptions {
  callers: Callers;
  challenges: Challenges;
  /** Slows down who guesses. */
  wrongLogins: WrongTokens;
  once: AnswerOnce;
  scheduled: Scheduled;
  startedAt: Milliseconds;
}

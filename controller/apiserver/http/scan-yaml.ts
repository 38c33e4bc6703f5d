import { Lexer } from 'yaml';
import { ApiError } from '../../kit/errors.ts';
import { badRequest } from '../refusals.ts';

/** What parses within about a second. A definition of a kind, among the largest things that are written in YAML, has 100,000. */
const MAX_TOKENS = 250_000;

/**
 * Looks at YAML before it is parsed, which costs many times its size. Throws RequestEntityTooLarge, or BadRequest when
 * brackets nest deeper than `maxDepth`.
 */
export function scanYaml(text: string, maxDepth: number): void {
  let tokens = 0;
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS)
      throw new ApiError(
        'RequestEntityTooLarge',
        `Request entity too large: the YAML has more than ${MAX_TOKENS} tokens; send it as JSON`,
      );
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > maxDepth)
      throw badRequest(`the body nests deeper than ${maxDepth} levels, which is more than is accepted`);
  }
}

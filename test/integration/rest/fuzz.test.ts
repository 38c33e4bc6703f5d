import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SCHEMATHESIS } from '../../../manifests/install/schemathesis.ts';
import { restLab } from './rest-lab.ts';

const skip = existsSync(SCHEMATHESIS)
  ? false
  : `no schemathesis at ${SCHEMATHESIS}; npm test installs it where Python is`;

t.test('a fuzzer that reads the OpenAPI document finds nothing', { skip, timeout: 240_000 }, async t => {
  // Without a node of its own, which the server would make again as often as the fuzzer deletes it.
  const lab = await restLab(t, { registration: 'open' }, { agent: false });
  lab.github.token('ada');
  const dir = t.testdir();
  const ca = join(dir, 'ca.pem');
  writeFileSync(ca, lab.ca);
  const child = spawn(
    SCHEMATHESIS,
    [
      ...['run', `${lab.url}/api/v1/openapi.json`, `--tls-verify=${ca}`],
      ...['-H', `Authorization: Bearer ${lab.adminToken}`],
      // Whether a text is an SSH key or a user is there is not for a schema to say.
      ...['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'],
      ...['--max-examples', '5', '--generation-deterministic'],
      // A stream does not end.
      ...['--exclude-path', '/api/v1/events'],
    ],
    { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      output += chunk;
    });
  const [code] = await once(child, 'close');
  t.equal(code, 0, output.replaceAll(/.{300,}/g, line => line.slice(0, 300)).slice(-6000));
  t.match(output, /Tested: 2\d/, 'every call was tried');
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../cli/errors.ts';
import { cli } from '../../support/run-cli.ts';

t.test('init writes a file that validate accepts, and never over one that is there', async t => {
  const cwd = t.testdir({ 'package.json': '{"scripts": {"dev": "vite"}}' });
  t.match(await cli(['config', 'validate'], { cwd }), { code: EXIT.notFound, stderr: /nexus init/ });
  const printed = await cli(['init', '--print'], { cwd });
  t.match(printed, { code: 0, stdout: /npm run dev/, stderr: /the script "dev" runs it/ });
  t.match(await cli(['init'], { cwd }), { code: 0, stdout: /\.nexus\/config\.yaml written/ });
  const file = join(cwd, '.nexus', 'config.yaml');
  t.equal(readFileSync(file, 'utf8'), printed.stdout);
  t.match(await cli(['config', 'validate'], { cwd }), { code: 0, stdout: '.nexus/config.yaml is valid\n' });

  writeFileSync(file, '# mine\n');
  t.match(await cli(['init'], { cwd }), { code: EXIT.conflict, stderr: /--force/ });
  t.equal(readFileSync(file, 'utf8'), '# mine\n');
  t.match(await cli(['init', '--force'], { cwd }), { code: 0 });
  t.equal(readFileSync(file, 'utf8'), printed.stdout);
});

t.test('validate tells file, line and column of everything', async t => {
  const cwd = t.testdir({ 'c.yaml': 'provider: qemu\nhooks: {setup: x}\nservices:\n  a: {prt: 1}\n' });
  const { code, stderr } = await cli(['config', 'validate', 'c.yaml'], { cwd });
  t.equal(code, EXIT.failed);
  t.match(stderr, /^warning: c\.yaml:2:9: .*lifecycle\.pre_start/m);
  t.match(stderr, /^c\.yaml:1:11: provider "qemu" is not supported; use docker or lxc$/m);
  t.match(stderr, /^c\.yaml:4:3: command is missing$/m);
  t.match(stderr, /^c\.yaml:4:7: unknown key "prt"/m);
});

t.test('the schema that is published takes what init writes', async t => {
  const cwd = t.testdir({ 'go.mod': 'module x\ngo 1.23\n', 'main.go': '' });
  const schema = JSON.parse((await cli(['schema', 'config'])).stdout);
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema);
  t.ok(validate(parse((await cli(['init', '--print'], { cwd })).stdout)), JSON.stringify(validate.errors));
  t.notOk(validate({ servces: {} }));
});

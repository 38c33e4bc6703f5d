import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { CONFIG_SCHEMA } from '../../../controller/repo-config/config-schema.ts';
import { COMMAND_ROUTES } from '../../../controller/rest/routes/commands.ts';
import { LOGIN_ROUTES } from '../../../controller/rest/routes/login.ts';
import { NODE_ROUTES } from '../../../controller/rest/routes/nodes.ts';
import { SERVER_ROUTES } from '../../../controller/rest/routes/server.ts';
import { USER_ROUTES } from '../../../controller/rest/routes/users.ts';
import { WORKSPACE_ROUTES } from '../../../controller/rest/routes/workspaces.ts';

const ROUTES = [
  COMMAND_ROUTES,
  LOGIN_ROUTES,
  NODE_ROUTES,
  SERVER_ROUTES,
  USER_ROUTES,
  WORKSPACE_ROUTES,
].flat();

t.test('schemas that are compiled unseen are valid ones', t => {
  const ajv = new Ajv2020({ strict: false });
  const check = (what: string, schema: object) =>
    t.ok(ajv.validateSchema(schema), `${what}: ${ajv.errorsText()}`);
  check('.nexus/config.yaml', CONFIG_SCHEMA);
  for (const { method, url, params, query, body } of ROUTES)
    for (const [part, schema] of Object.entries({ params, query, body }))
      if (schema) check(`${part} of ${method} ${url}`, schema);
  t.notOk(ajv.validateSchema({ type: 'nonsense' }), 'and another one is not');
  t.end();
});

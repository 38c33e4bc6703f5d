interface Operation {
  summary?: string;
  tags?: string[];
  security?: object[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: object }[];
  requestBody?: { content?: Record<string, { schema?: object }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: object }> }>;
}

const STYLE = `
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;text-transform:capitalize}
details{border:1px solid #8886;border-radius:.5rem;margin:.5rem 0;padding:.5rem 1rem}
summary{cursor:pointer}summary code{font-weight:600}
pre{overflow-x:auto;background:#8882;padding:.75rem;border-radius:.5rem;font-size:.85rem}
.method{display:inline-block;min-width:4.5rem}`;

const escaped = (text: unknown) =>
  String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
const code = (schema: object | undefined) =>
  schema ? `<pre>${escaped(JSON.stringify(schema, null, 2))}</pre>` : '';
const schemaOf = (content: Record<string, { schema?: object }> | undefined) =>
  Object.values(content ?? {})[0]?.schema;

/** The OpenAPI document as a page for people: no script, so that it needs nothing from elsewhere. */
export function docsPage(document: {
  info: { title: string; version: string; description?: string };
  paths?: object;
}): string {
  const calls = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  );
  const tags = [...new Set(calls.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  const sections = tags.map(tag => {
    const own = calls.filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag);
    return `<h2>${escaped(tag)}</h2>\n${own.map(callHtml).join('\n')}`;
  });
  const { title, version, description = '' } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(title)} ${escaped(version)}</h1>
<p>${escaped(description)} The document itself: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
${sections.join('\n')}
</body></html>
`;
}

function callHtml({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: Operation;
}): string {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: where, required }) =>
      `<li><code>${escaped(name)}</code> in the ${escaped(where)}${required ? '' : ', optional'}</li>`,
  );
  const answers = Object.entries(operation.responses ?? {})
    .filter(([status]) => !/^[45]XX$/i.test(status))
    .map(
      ([status, { description, content }]) =>
        `<h4>Answer ${escaped(status)}</h4>${content ? '' : `<p>${escaped(description ?? '')}</p>`}${code(schemaOf(content))}`,
    );
  const body = schemaOf(operation.requestBody?.content);
  return `<details><summary><code><span class="method">${escaped(method.toUpperCase())}</span> ${escaped(path)}</code> ${escaped(operation.summary ?? '')}</summary>
${operation.security?.length === 0 ? '<p>Needs no token.</p>' : ''}${parameters.length > 0 ? `<ul>${parameters.join('')}</ul>` : ''}${body ? `<h4>Body</h4>${code(body)}` : ''}${answers.join('')}</details>`;
}

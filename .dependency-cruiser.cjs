/** Imports go down only; nothing goes round. The table is ARCHITECTURE.md's. */
const layer = (name, from, forbidden) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: forbidden },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'store-only-from-apiserver',
      severity: 'error',
      from: {
        path: '^(controller|agent|cli)/',
        pathNot: '^controller/(store|apiserver)/|^controller/main\\.ts$',
      },
      to: { path: '^controller/store/' },
    },
    layer('crds-stand-alone', '^crds/', '^(controller|agent|cli|test)/'),
    layer('kit-is-lowest', '^controller/kit/', '^(controller/(?!kit/)|agent|cli|test)/'),
    layer('store-below-apiserver', '^controller/store/', '^(controller/(?!kit/|store/)|agent|cli|test)/'),
    layer(
      'repo-config-above-kit',
      '^controller/repo-config/',
      '^(controller/(?!kit/|repo-config/)|agent|cli|test)/',
    ),
    layer('client-knows-no-server', '^controller/client/', '^(controller/(?!kit/|client/)|agent|cli|test)/'),
    layer(
      'apiserver-knows-no-client',
      '^controller/apiserver/',
      '^(controller/(client|runtime|reconcilers|gateway|rest|dashboard)/|agent|cli|test)/',
    ),
    layer(
      'runtime-below-reconcilers',
      '^controller/runtime/',
      '^(controller/(?!kit/|client/|runtime/)|agent|cli|test)/',
    ),
    layer(
      'reconcilers-below-main',
      '^controller/reconcilers/',
      '^(controller/(?!kit/|client/|repo-config/|runtime/|reconcilers/)|agent|cli|test)/',
    ),
    layer(
      'gateway-uses-client-and-runtime',
      '^controller/gateway/',
      '^(controller/(?!kit/|client/|runtime/|gateway/)|agent|cli|test)/',
    ),
    layer(
      'rest-below-main',
      '^controller/rest/',
      '^(controller/(?!kit/|client/|repo-config/|rest/)|agent|cli|test)/',
    ),
    layer('agent-uses-client-and-runtime', '^agent/', '^(controller/(?!kit/|client/|runtime/)|cli|test)/'),
    layer('drivers-know-no-agent', '^agent/drivers/', '^agent/(?!driver\\.ts|drivers/)'),
    layer(
      'cli-uses-mains',
      '^cli/',
      '^(controller/(?!kit/|client/|repo-config/|main\\.ts|options\\.ts)|agent/(?!main\\.ts|options\\.ts|engine-check\\.ts|guest/guest\\.ts)|test/)',
    ),
    layer('nothing-imports-tests', '^(controller|agent|cli|crds)/', '^test/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
    parser: 'swc',
  },
};

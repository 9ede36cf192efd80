/**
 * ApiVersions, API key 18, versions 0 to 4.
 *
 * - 1: response gains throttleTimeMs
 * - 3: flexible; request gains clientSoftwareName, clientSoftwareVersion; response gains supportedFeatures, finalizedFeaturesEpoch, finalizedFeatures, zkMigrationReady
 */
export const apiVersions = {
  key: 18,
  name: 'ApiVersions',
  versions: '0-4',
  flexible: '3+',
  request: {
    clientSoftwareName: { type: 'string', versions: '3+', ignorable: true },
    clientSoftwareVersion: { type: 'string', versions: '3+', ignorable: true },
  },
  response: {
    errorCode: 'int16',
    apiKeys: {
      type: 'array',
      of: {
        apiKey: 'int16',
        minVersion: 'int16',
        maxVersion: 'int16',
      },
    },
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    supportedFeatures: {
      type: 'array',
      versions: '3+',
      tag: 0,
      ignorable: true,
      of: {
        name: 'string',
        minVersion: 'int16',
        maxVersion: 'int16',
      },
    },
    finalizedFeaturesEpoch: { type: 'int64', versions: '3+', tag: 1, default: -1, ignorable: true },
    finalizedFeatures: {
      type: 'array',
      versions: '3+',
      tag: 2,
      ignorable: true,
      of: {
        name: 'string',
        maxVersionLevel: 'int16',
        minVersionLevel: 'int16',
      },
    },
    zkMigrationReady: { type: 'bool', versions: '3+', tag: 3, ignorable: true },
  },
} as const

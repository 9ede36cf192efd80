/**
 * UpdateFeatures, API key 57, versions 0 to 2.
 *
 * - 1: request gains upgradeType, validateOnly; request loses allowDowngrade
 * - 2: response loses results
 */
export const updateFeatures = {
  key: 57,
  name: 'UpdateFeatures',
  versions: '0-2',
  flexible: '0+',
  request: {
    timeoutMs: { type: 'int32', default: 60000 },
    featureUpdates: {
      type: 'array',
      of: {
        feature: 'string',
        maxVersionLevel: 'int16',
        allowDowngrade: { type: 'bool', versions: '0' },
        upgradeType: { type: 'int8', versions: '1+', default: 1 },
      },
    },
    validateOnly: { type: 'bool', versions: '1+' },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    results: {
      type: 'array',
      versions: '0-1',
      ignorable: true,
      of: {
        feature: 'string',
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
      },
    },
  },
} as const

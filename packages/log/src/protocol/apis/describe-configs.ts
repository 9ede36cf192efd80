/**
 * DescribeConfigs, API key 32, versions 1 to 4.
 *
 * - 3: request gains includeDocumentation; response gains configType, documentation
 * - 4: flexible
 */
export const describeConfigs = {
  key: 32,
  name: 'DescribeConfigs',
  versions: '1-4',
  flexible: '4+',
  request: {
    resources: {
      type: 'array',
      of: {
        resourceType: 'int8',
        resourceName: 'string',
        configurationKeys: { type: 'array', nullable: true, of: 'string' },
      },
    },
    includeSynonyms: 'bool',
    includeDocumentation: { type: 'bool', versions: '3+' },
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
        resourceType: 'int8',
        resourceName: 'string',
        configs: {
          type: 'array',
          of: {
            name: 'string',
            value: { type: 'string', nullable: true },
            readOnly: 'bool',
            configSource: { type: 'int8', default: -1, ignorable: true },
            isSensitive: 'bool',
            synonyms: {
              type: 'array',
              ignorable: true,
              of: {
                name: 'string',
                value: { type: 'string', nullable: true },
                source: 'int8',
              },
            },
            configType: { type: 'int8', versions: '3+', ignorable: true },
            documentation: { type: 'string', versions: '3+', nullable: true, ignorable: true },
          },
        },
      },
    },
  },
} as const

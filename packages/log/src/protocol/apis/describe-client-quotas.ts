/**
 * DescribeClientQuotas, API key 48, versions 0 to 1.
 *
 * - 1: flexible
 */
export const describeClientQuotas = {
  key: 48,
  name: 'DescribeClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    components: {
      type: 'array',
      of: {
        entityType: 'string',
        matchType: 'int8',
        match: { type: 'string', nullable: true },
      },
    },
    strict: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    entries: {
      type: 'array',
      nullable: true,
      of: {
        entity: {
          type: 'array',
          of: {
            entityType: 'string',
            entityName: { type: 'string', nullable: true },
          },
        },
        values: {
          type: 'array',
          of: {
            key: 'string',
            value: 'float64',
          },
        },
      },
    },
  },
} as const

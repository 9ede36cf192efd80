/**
 * AlterClientQuotas, API key 49, versions 0 to 1.
 *
 * - 1: flexible
 */
export const alterClientQuotas = {
  key: 49,
  name: 'AlterClientQuotas',
  versions: '0-1',
  flexible: '1+',
  request: {
    entries: {
      type: 'array',
      of: {
        entity: {
          type: 'array',
          of: {
            entityType: 'string',
            entityName: { type: 'string', nullable: true },
          },
        },
        ops: {
          type: 'array',
          of: {
            key: 'string',
            value: 'float64',
            remove: 'bool',
          },
        },
      },
    },
    validateOnly: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    entries: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
        entity: {
          type: 'array',
          of: {
            entityType: 'string',
            entityName: { type: 'string', nullable: true },
          },
        },
      },
    },
  },
} as const

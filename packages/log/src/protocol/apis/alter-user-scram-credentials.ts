/**
 * AlterUserScramCredentials, API key 51, versions 0.
 */
export const alterUserScramCredentials = {
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: {
    deletions: {
      type: 'array',
      of: {
        name: 'string',
        mechanism: 'int8',
      },
    },
    upsertions: {
      type: 'array',
      of: {
        name: 'string',
        mechanism: 'int8',
        iterations: 'int32',
        salt: 'bytes',
        saltedPassword: 'bytes',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        user: 'string',
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
      },
    },
  },
} as const

/**
 * DescribeUserScramCredentials, API key 50, versions 0.
 */
export const describeUserScramCredentials = {
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: {
    users: {
      type: 'array',
      nullable: true,
      of: {
        name: 'string',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    results: {
      type: 'array',
      of: {
        user: 'string',
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
        credentialInfos: {
          type: 'array',
          of: {
            mechanism: 'int8',
            iterations: 'int32',
          },
        },
      },
    },
  },
} as const

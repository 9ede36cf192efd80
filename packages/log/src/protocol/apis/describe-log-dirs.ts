/**
 * DescribeLogDirs, API key 35, versions 1 to 4.
 *
 * - 2: flexible
 * - 3: response gains errorCode
 * - 4: response gains totalBytes, usableBytes
 */
export const describeLogDirs = {
  key: 35,
  name: 'DescribeLogDirs',
  versions: '1-4',
  flexible: '2+',
  request: {
    topics: {
      type: 'array',
      nullable: true,
      of: {
        topic: 'string',
        partitions: { type: 'array', of: 'int32' },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: { type: 'int16', versions: '3+', ignorable: true },
    results: {
      type: 'array',
      of: {
        errorCode: 'int16',
        logDir: 'string',
        topics: {
          type: 'array',
          of: {
            name: 'string',
            partitions: {
              type: 'array',
              of: {
                partitionIndex: 'int32',
                partitionSize: 'int64',
                offsetLag: 'int64',
                isFutureKey: 'bool',
              },
            },
          },
        },
        totalBytes: { type: 'int64', versions: '4+', default: -1, ignorable: true },
        usableBytes: { type: 'int64', versions: '4+', default: -1, ignorable: true },
      },
    },
  },
} as const

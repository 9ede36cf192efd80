/**
 * DescribeQuorum, API key 55, versions 0 to 2.
 *
 * - 1: response gains lastFetchTimestamp, lastCaughtUpTimestamp
 * - 2: response gains errorMessage, replicaDirectoryId, nodes
 */
export const describeQuorum = {
  key: 55,
  name: 'DescribeQuorum',
  versions: '0-2',
  flexible: '0+',
  request: {
    topics: {
      type: 'array',
      of: {
        topicName: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
          },
        },
      },
    },
  },
  response: {
    errorCode: 'int16',
    errorMessage: { type: 'string', versions: '2+', nullable: true, ignorable: true },
    topics: {
      type: 'array',
      of: {
        topicName: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            errorMessage: { type: 'string', versions: '2+', nullable: true, ignorable: true },
            leaderId: 'int32',
            leaderEpoch: 'int32',
            highWatermark: 'int64',
            currentVoters: {
              type: 'array',
              of: {
                replicaId: 'int32',
                replicaDirectoryId: { type: 'uuid', versions: '2+' },
                logEndOffset: 'int64',
                lastFetchTimestamp: { type: 'int64', versions: '1+', default: -1, ignorable: true },
                lastCaughtUpTimestamp: { type: 'int64', versions: '1+', default: -1, ignorable: true },
              },
            },
            observers: {
              type: 'array',
              of: {
                replicaId: 'int32',
                replicaDirectoryId: { type: 'uuid', versions: '2+' },
                logEndOffset: 'int64',
                lastFetchTimestamp: { type: 'int64', versions: '1+', default: -1, ignorable: true },
                lastCaughtUpTimestamp: { type: 'int64', versions: '1+', default: -1, ignorable: true },
              },
            },
          },
        },
      },
    },
    nodes: {
      type: 'array',
      versions: '2+',
      of: {
        nodeId: 'int32',
        listeners: {
          type: 'array',
          of: {
            name: 'string',
            host: 'string',
            port: 'uint16',
          },
        },
      },
    },
  },
} as const

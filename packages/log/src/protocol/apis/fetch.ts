/**
 * Fetch, API key 1, versions 4 to 18.
 *
 * - 5: request gains logStartOffset; response gains logStartOffset
 * - 7: request gains sessionId, sessionEpoch, forgottenTopicsData; response gains errorCode, sessionId
 * - 9: request gains currentLeaderEpoch
 * - 11: request gains rackId; response gains preferredReadReplica
 * - 12: flexible; request gains clusterId, lastFetchedEpoch; response gains divergingEpoch, currentLeader, snapshotId
 * - 13: request gains topicId; request loses topic; response gains topicId; response loses topic
 * - 15: request gains replicaState; request loses replicaId
 * - 16: response gains nodeEndpoints
 * - 17: request gains replicaDirectoryId
 * - 18: request gains highWatermark
 */
export const fetch = {
  key: 1,
  name: 'Fetch',
  versions: '4-18',
  flexible: '12+',
  request: {
    clusterId: { type: 'string', versions: '12+', nullable: true, tag: 0, default: null, ignorable: true },
    replicaId: { type: 'int32', versions: '4-14', default: -1 },
    replicaState: {
      type: 'struct',
      versions: '15+',
      tag: 1,
      fields: {
        replicaId: { type: 'int32', default: -1 },
        replicaEpoch: { type: 'int64', default: -1 },
      },
    },
    maxWaitMs: 'int32',
    minBytes: 'int32',
    maxBytes: { type: 'int32', default: 2147483647, ignorable: true },
    isolationLevel: { type: 'int8', ignorable: true },
    sessionId: { type: 'int32', versions: '7+', ignorable: true },
    sessionEpoch: { type: 'int32', versions: '7+', default: -1, ignorable: true },
    topics: {
      type: 'array',
      of: {
        topic: { type: 'string', versions: '4-12', ignorable: true },
        topicId: { type: 'uuid', versions: '13+', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            partition: 'int32',
            currentLeaderEpoch: { type: 'int32', versions: '9+', default: -1, ignorable: true },
            fetchOffset: 'int64',
            lastFetchedEpoch: { type: 'int32', versions: '12+', default: -1 },
            logStartOffset: { type: 'int64', versions: '5+', default: -1, ignorable: true },
            partitionMaxBytes: 'int32',
            replicaDirectoryId: { type: 'uuid', versions: '17+', tag: 0, ignorable: true },
            highWatermark: { type: 'int64', versions: '18+', tag: 1, default: 9007199254740991, ignorable: true },
          },
        },
      },
    },
    forgottenTopicsData: {
      type: 'array',
      versions: '7+',
      of: {
        topic: { type: 'string', versions: '7-12', ignorable: true },
        topicId: { type: 'uuid', versions: '13+', ignorable: true },
        partitions: { type: 'array', of: 'int32' },
      },
    },
    rackId: { type: 'string', versions: '11+', ignorable: true },
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    errorCode: { type: 'int16', versions: '7+', ignorable: true },
    sessionId: { type: 'int32', versions: '7+' },
    responses: {
      type: 'array',
      of: {
        topic: { type: 'string', versions: '4-12', ignorable: true },
        topicId: { type: 'uuid', versions: '13+', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            highWatermark: 'int64',
            lastStableOffset: { type: 'int64', default: -1, ignorable: true },
            logStartOffset: { type: 'int64', versions: '5+', default: -1, ignorable: true },
            divergingEpoch: {
              type: 'struct',
              versions: '12+',
              tag: 0,
              fields: {
                epoch: { type: 'int32', default: -1 },
                endOffset: { type: 'int64', default: -1 },
              },
            },
            currentLeader: {
              type: 'struct',
              versions: '12+',
              tag: 1,
              fields: {
                leaderId: { type: 'int32', default: -1 },
                leaderEpoch: { type: 'int32', default: -1 },
              },
            },
            snapshotId: {
              type: 'struct',
              versions: '12+',
              tag: 2,
              fields: {
                endOffset: { type: 'int64', default: -1 },
                epoch: { type: 'int32', default: -1 },
              },
            },
            abortedTransactions: {
              type: 'array',
              nullable: true,
              ignorable: true,
              of: {
                producerId: 'int64',
                firstOffset: 'int64',
              },
            },
            preferredReadReplica: { type: 'int32', versions: '11+', default: -1 },
            records: { type: 'records', nullable: true },
          },
        },
      },
    },
    nodeEndpoints: {
      type: 'array',
      versions: '16+',
      tag: 0,
      of: {
        nodeId: 'int32',
        host: 'string',
        port: 'int32',
        rack: { type: 'string', nullable: true, default: null },
      },
    },
  },
} as const

/**
 * ElectLeaders, API key 43, versions 0 to 2.
 *
 * - 1: request gains electionType; response gains errorCode
 * - 2: flexible
 */
export const electLeaders = {
  key: 43,
  name: 'ElectLeaders',
  versions: '0-2',
  flexible: '2+',
  request: {
    electionType: { type: 'int8', versions: '1+' },
    topicPartitions: {
      type: 'array',
      nullable: true,
      of: {
        topic: 'string',
        partitions: { type: 'array', of: 'int32' },
      },
    },
    timeoutMs: { type: 'int32', default: 60000 },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: { type: 'int16', versions: '1+' },
    replicaElectionResults: {
      type: 'array',
      of: {
        topic: 'string',
        partitionResult: {
          type: 'array',
          of: {
            partitionId: 'int32',
            errorCode: 'int16',
            errorMessage: { type: 'string', nullable: true },
          },
        },
      },
    },
  },
} as const

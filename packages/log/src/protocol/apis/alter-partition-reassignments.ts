/**
 * AlterPartitionReassignments, API key 45, versions 0 to 1.
 *
 * - 1: request gains allowReplicationFactorChange; response gains allowReplicationFactorChange
 */
export const alterPartitionReassignments = {
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: '0-1',
  flexible: '0+',
  request: {
    timeoutMs: { type: 'int32', default: 60000 },
    allowReplicationFactorChange: { type: 'bool', versions: '1+', default: true },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            replicas: { type: 'array', nullable: true, default: null, of: 'int32' },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    allowReplicationFactorChange: { type: 'bool', versions: '1+', default: true, ignorable: true },
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    responses: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            errorMessage: { type: 'string', nullable: true },
          },
        },
      },
    },
  },
} as const

/**
 * DescribeCluster, API key 60, versions 0 to 2.
 *
 * - 1: request gains endpointType; response gains endpointType
 * - 2: request gains includeFencedBrokers; response gains isFenced
 */
export const describeCluster = {
  key: 60,
  name: 'DescribeCluster',
  versions: '0-2',
  flexible: '0+',
  request: {
    includeClusterAuthorizedOperations: 'bool',
    endpointType: { type: 'int8', versions: '1+', default: 1 },
    includeFencedBrokers: { type: 'bool', versions: '2+' },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true, default: null },
    endpointType: { type: 'int8', versions: '1+', default: 1 },
    clusterId: 'string',
    controllerId: { type: 'int32', default: -1 },
    brokers: {
      type: 'array',
      of: {
        brokerId: 'int32',
        host: 'string',
        port: 'int32',
        rack: { type: 'string', nullable: true, default: null },
        isFenced: { type: 'bool', versions: '2+' },
      },
    },
    clusterAuthorizedOperations: { type: 'int32', default: -2147483648 },
  },
} as const

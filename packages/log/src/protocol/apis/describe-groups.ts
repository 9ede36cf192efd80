/**
 * DescribeGroups, API key 15, versions 0 to 6.
 *
 * - 1: response gains throttleTimeMs
 * - 3: request gains includeAuthorizedOperations; response gains authorizedOperations
 * - 4: response gains groupInstanceId
 * - 5: flexible
 * - 6: response gains errorMessage
 */
export const describeGroups = {
  key: 15,
  name: 'DescribeGroups',
  versions: '0-6',
  flexible: '5+',
  request: {
    groups: { type: 'array', of: 'string' },
    includeAuthorizedOperations: { type: 'bool', versions: '3+' },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    groups: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', versions: '6+', nullable: true, default: null },
        groupId: 'string',
        groupState: 'string',
        protocolType: 'string',
        protocolData: 'string',
        members: {
          type: 'array',
          of: {
            memberId: 'string',
            groupInstanceId: { type: 'string', versions: '4+', nullable: true, default: null, ignorable: true },
            clientId: 'string',
            clientHost: 'string',
            memberMetadata: 'bytes',
            memberAssignment: 'bytes',
          },
        },
        authorizedOperations: { type: 'int32', versions: '3+', default: -2147483648 },
      },
    },
  },
} as const

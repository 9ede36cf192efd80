/**
 * JoinGroup, API key 11, versions 0 to 9.
 *
 * - 1: request gains rebalanceTimeoutMs
 * - 2: response gains throttleTimeMs
 * - 5: request gains groupInstanceId; response gains groupInstanceId
 * - 6: flexible
 * - 7: response gains protocolType
 * - 8: request gains reason
 * - 9: response gains skipAssignment
 */
export const joinGroup = {
  key: 11,
  name: 'JoinGroup',
  versions: '0-9',
  flexible: '6+',
  request: {
    groupId: 'string',
    sessionTimeoutMs: 'int32',
    rebalanceTimeoutMs: { type: 'int32', versions: '1+', default: -1, ignorable: true },
    memberId: 'string',
    groupInstanceId: { type: 'string', versions: '5+', nullable: true, default: null },
    protocolType: 'string',
    protocols: {
      type: 'array',
      of: {
        name: 'string',
        metadata: 'bytes',
      },
    },
    reason: { type: 'string', versions: '8+', nullable: true, default: null, ignorable: true },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '2+', ignorable: true },
    errorCode: 'int16',
    generationId: { type: 'int32', default: -1 },
    protocolType: { type: 'string', versions: '7+', nullable: true, default: null, ignorable: true },
    protocolName: { type: 'string', nullable: '7+' },
    leader: 'string',
    skipAssignment: { type: 'bool', versions: '9+' },
    memberId: 'string',
    members: {
      type: 'array',
      of: {
        memberId: 'string',
        groupInstanceId: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
        metadata: 'bytes',
      },
    },
  },
} as const

/**
 * SyncGroup, API key 14, versions 0 to 5.
 *
 * - 1: response gains throttleTimeMs
 * - 3: request gains groupInstanceId
 * - 4: flexible
 * - 5: request gains protocolType, protocolName; response gains protocolType, protocolName
 */
export const syncGroup = {
  key: 14,
  name: 'SyncGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: 'string',
    generationId: 'int32',
    memberId: 'string',
    groupInstanceId: { type: 'string', versions: '3+', nullable: true, default: null },
    protocolType: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
    protocolName: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
    assignments: {
      type: 'array',
      of: {
        memberId: 'string',
        assignment: 'bytes',
      },
    },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    errorCode: 'int16',
    protocolType: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
    protocolName: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
    assignment: 'bytes',
  },
} as const

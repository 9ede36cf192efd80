/**
 * LeaveGroup, API key 13, versions 0 to 5.
 *
 * - 1: response gains throttleTimeMs
 * - 3: request gains members; request loses memberId; response gains members
 * - 4: flexible
 */
export const leaveGroup = {
  key: 13,
  name: 'LeaveGroup',
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: 'string',
    memberId: { type: 'string', versions: '0-2' },
    members: {
      type: 'array',
      versions: '3+',
      of: {
        memberId: 'string',
        groupInstanceId: { type: 'string', nullable: true, default: null },
        reason: { type: 'string', versions: '5+', nullable: true, default: null, ignorable: true },
      },
    },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '1+', ignorable: true },
    errorCode: 'int16',
    members: {
      type: 'array',
      versions: '3+',
      of: {
        memberId: 'string',
        groupInstanceId: { type: 'string', nullable: true },
        errorCode: 'int16',
      },
    },
  },
} as const
